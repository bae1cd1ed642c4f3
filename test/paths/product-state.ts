import type { AnyMachineSnapshot } from "xstate";
import type { Clock } from "../../src/domain/clock.ts";
import type { GenerationStore } from "../../src/domain/generation.ts";
import type { JobRow, JobStore, Lease } from "../../src/domain/job.ts";
import type { MemoryWorld } from "../../src/persistence/memory/world.ts";
import { INPUT } from "./graph.ts";

/** One of two processes, each with a run of its own for the same space. */
export interface Side {
  readonly snapshot: AnyMachineSnapshot;
  /** What the process holds; lost with it. */
  readonly lease: Lease | null;
  readonly isUp: boolean;
  /** The agent's process: it survives the one that started it. */
  readonly agent: "none" | "held" | "orphaned";
}

export interface Product {
  readonly sides: readonly [Side, Side];
  readonly row: JobRow;
  readonly settlements: ReadonlyMap<string, string>;
  /** By whom generations were published, in order. */
  readonly published: readonly string[];
  readonly deaths: number;
  /** A deed of the last step that nobody may do. */
  readonly crime: string | null;
}

export interface Rules {
  /** A process may sleep past its lease (a closed laptop): it expires though its keeper lives. */
  readonly maySleep: boolean;
  readonly maxDeaths: number;
  /** In a mutation: a takeover ends the agent of its own run only, not of every dead run of the space. */
  readonly leavesOrphans?: boolean;
  /** Replaces the store's guard in mutations. */
  readonly jobs?: (world: MemoryWorld) => JobStore;
  readonly generations?: (world: MemoryWorld) => GenerationStore;
}

export const NAMES = ["A", "B"] as const;
export const SPACE = INPUT.space;
export const NOW_MS = 1_000_000;
export const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 } as Clock;

export function withSide(product: Product, at: 0 | 1, side: Side): Product {
  const sides = at === 0 ? ([side, product.sides[1]] as const) : ([product.sides[0], side] as const);
  return { ...product, sides };
}

/** Independent of the store's own guard: the row is running, under this token and this fence. */
export function owns({ row }: Product, { lease }: Side): boolean {
  return row.status === "running" && row.ownership_token === lease?.token && row.fence === lease.fence;
}

export function isHeldAlive({ row }: Product, { snapshot }: Side): boolean {
  const isOther = row.ownership_token !== snapshot.context.token;
  return row.status === "running" && isOther && (row.lease_until ?? 0) * 1_000 > NOW_MS;
}
