import {
  type AnyActorLogic,
  type AnyActorRef,
  type AnyMachineSnapshot,
  createActor,
  type EventObject,
  toPromise,
} from "xstate";
import type { JobRow, Lease } from "../../src/domain/job.ts";
import { enqueued } from "../../src/domain/job-changes.ts";
import type { RunHold } from "../../src/domain/phase2.ts";
import type { Clock, GenerationStore, JobStore } from "../../src/domain/ports.ts";
import { DEFAULT_SETTINGS } from "../../src/domain/settings.ts";
import { dotted, transitionsOf } from "../../src/engine/durable/transition.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { memoryGenerations } from "../../src/persistence/memory/generations.ts";
import { memoryJobs } from "../../src/persistence/memory/jobs.ts";
import { createMemoryWorld, type MemoryWorld } from "../../src/persistence/memory/world.ts";
import { claimJob } from "../../src/services/claim-job.ts";
import { confirmOwnership, recordFailure, recordSuccess } from "../../src/services/settle-job.ts";
import { ANSWERS } from "./alphabet.ts";
import { INPUT, keyOf } from "./graph.ts";

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
  /** Replaces the store's guard in mutations. */
  readonly jobs?: (world: MemoryWorld) => JobStore;
  readonly generations?: (world: MemoryWorld) => GenerationStore;
}

export interface Step {
  readonly name: string;
  readonly to: Product;
}

const NAMES = ["A", "B"] as const;
const SPACE = INPUT.space;
const NOW_MS = 1_000_000;
const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 } as Clock;
const { initialTransition, transition } = transitionsOf(phase2Machine);

export function start(): Product {
  const side = (name: string): Side => ({
    snapshot: initialTransition({ ...INPUT, run: name, token: name, maxRepairs: 0, maxRestarts: 1 }).snapshot,
    lease: null,
    isUp: true,
    agent: "none",
  });
  return {
    sides: [side("A"), side("B")],
    row: enqueued(null, SPACE, 20),
    settlements: new Map(),
    published: [],
    deaths: 0,
    crime: null,
  };
}

/** What tells two products apart. Fences grow without end; only who holds the row's is of interest. */
export function productKey({ sides, row, settlements, published, deaths, crime }: Product): string {
  const told = sides.map(({ snapshot, lease, isUp, agent }) => [
    keyOf(snapshot),
    lease === null ? "no lease" : lease.fence === row.fence ? "current" : "old",
    isUp,
    agent,
  ]);
  const { fence: _, ...columns } = row;
  return JSON.stringify([told, columns, [...settlements], published, deaths, crime]);
}

/** Everything that can happen next: a deed of either side, a death, a takeover, or time passing. */
export async function next(product: Product, rules: Rules): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (const at of [0, 1] as const) {
    const side = product.sides[at];
    const name = NAMES[at];
    if (side.snapshot.status !== "active") continue;
    if (!side.isUp) {
      // The dead of a space are taken over oldest first.
      if (at === 1 && !product.sides[0].isUp && product.sides[0].snapshot.status === "active") continue;
      steps.push({ name: `${name} is taken over`, to: await takenOver(product, at, rules) });
      continue;
    }
    for (const child of Object.keys(side.snapshot.children)) {
      const done = await deed(product, at, child, rules);
      for (const { event, to } of done) {
        steps.push({ name: `${name} ${child}${tell(event)}`, to: heard(to, at, event) });
        // Its effect is done, and the process dies before it can say so.
        if (product.deaths < rules.maxDeaths && !STREAMS.has(child)) {
          steps.push({ name: `${name} ${child}${tell(event)}, unheard, and dies`, to: died(to, at) });
        }
      }
    }
    steps.push({ name: `${name} is cancelled`, to: heard(product, at, { type: "cancel" }) });
    if (product.deaths < rules.maxDeaths) steps.push({ name: `${name} dies`, to: died(product, at) });
  }
  const { row } = product;
  if (row.status === "running" && (row.lease_until ?? 0) * 1_000 > NOW_MS && mayExpire(product, rules)) {
    steps.push({
      name: "the lease runs out",
      to: { ...product, row: { ...row, lease_until: 0 }, crime: null },
    });
  }
  if (row.status === "error" && row.retry_at !== null) {
    steps.push({
      name: "the retry is due",
      to: { ...product, row: { ...row, retry_at: null }, crime: null },
    });
  }
  return steps;
}

/**
 * While its keeper lives a lease is prolonged, and an agent is ended well before the lease is: a minute against an
 * hour. A claim takes no hour either, and before it a process looks for runs of the dead.
 */
function mayExpire({ sides, row }: Product, { maySleep }: Rules): boolean {
  if (maySleep) return true;
  const holder = sides.find(({ snapshot }) => snapshot.context.token === row.ownership_token);
  const isKept = holder?.isUp && ("keepLease" in holder.snapshot.children || holder.agent !== "none");
  const isClaiming = sides.some(({ snapshot, isUp }) => isUp && dotted(snapshot.value) === "claiming");
  const isOrphaned = sides.some(({ isUp, snapshot }) => !isUp && snapshot.status === "active");
  return !isKept && !(isClaiming && isOrphaned);
}

interface Done {
  readonly event: EventObject;
  readonly to: Product;
}

const STREAMS = new Set(["keepLease", "keepDeadline", "watchAgent"]);

/** What one living actor may do: the real service on the real rules where it touches the job, else its best answer. */
async function deed(product: Product, at: 0 | 1, child: string, rules: Rules): Promise<readonly Done[]> {
  const side = product.sides[at];
  const plain = { ...product, crime: null };
  const isOwner = owns(product, side);
  switch (child) {
    case "keepDeadline":
      return [{ event: { type: "budget.reached", why: "time" } as EventObject, to: plain }];
    case "keepLease": {
      if (!isOwner) return [{ event: { type: "lease.lost", why: "lost" } as EventObject, to: plain }];
      const row = { ...product.row, lease_until: NOW_MS / 1_000 + 3_600 };
      const uncertain = { event: { type: "lease.uncertain", why: "busy" } as EventObject, to: plain };
      return [{ event: { type: "beat" }, to: { ...plain, row } }, uncertain];
    }
    case "watchAgent":
      if (side.agent !== "held") return [{ event: { type: "agent.gone" }, to: plain }];
      return [
        { event: { type: "agent.completed" }, to: plain },
        { event: { type: "agent.errored", why: "no" } as EventObject, to: plain },
      ];
    case "spawnAgent":
      return [{ event: best(child), to: withSide(plain, at, { ...side, agent: "held" }) }];
    case "closeAgent":
      return [{ event: best(child), to: withSide(plain, at, { ...side, agent: "none" }) }];
    case "claimJob":
    case "confirmOwnership":
    case "recordSuccess":
    case "recordFailure":
      return [await onTheJob(product, at, child, rules)];
    case "publishMemory":
      return [await publish(product, at, rules)];
    default:
      return [{ event: best(child), to: plain }];
  }
}

/** Runs the real service against a copy of the job. */
async function onTheJob(
  product: Product,
  at: 0 | 1,
  child: "claimJob" | "confirmOwnership" | "recordSuccess" | "recordFailure",
  rules: Rules,
): Promise<Done> {
  const side = product.sides[at];
  let lease = side.lease;
  const hold: RunHold = {
    run: NAMES[at],
    space: SPACE,
    lease: () => lease,
    hold: (held) => {
      lease = held;
    },
    note: () => {},
  };
  const jobs = new Map([[SPACE, product.row]]);
  const settlements = new Map(product.settlements);
  const store = (rules.jobs ?? memoryJobs)({ ...createMemoryWorld(), jobs, settlements });
  const deps = { jobs: store, hold, worker: `worker ${NAMES[at]}`, clock, settings: DEFAULT_SETTINGS };
  const services = { claimJob, confirmOwnership, recordSuccess, recordFailure };
  const output = await answerOf(services[child](deps) as never, inputOf(side, child));
  const row = jobs.get(SPACE) as JobRow;
  const isForeign = child !== "claimJob" && changed(row, product.row) && !owns(product, side);
  const isClaimed = (output as { kind?: string }).kind === "claimed";
  const isDouble = isClaimed && isHeldAlive(product, side);
  const crime = isForeign
    ? `${child} by who does not own the job`
    : isDouble
      ? "claimed while another holds it"
      : null;
  const to = withSide({ ...product, row, settlements, crime }, at, { ...side, lease });
  return { event: { type: `xstate.done.actor.${child}`, output } as EventObject, to };
}

async function publish(product: Product, at: 0 | 1, rules: Rules): Promise<Done> {
  const side = product.sides[at];
  const id = NAMES[at];
  const generations = product.published.map((run) => ({
    generation: { id: run, space: SPACE },
    manifest: [],
  }));
  const store = (rules.generations ?? memoryGenerations)({
    ...createMemoryWorld(),
    jobs: new Map([[SPACE, product.row]]),
    generations: generations as never,
  });
  const generation = {
    id,
    space: SPACE,
    parent: null,
    run: id,
    kind: "published",
    createdAtMs: NOW_MS,
  } as const;
  const settled =
    side.lease === null
      ? "lost"
      : await store.commit({
          lease: side.lease,
          generation,
          manifest: [],
          blobs: new Map(),
          journal: null,
          nowMs: NOW_MS,
        });
  const published = settled === "applied" ? [...product.published, id] : product.published;
  const crime =
    settled === "applied" && !owns(product, side) ? "published by who does not own the job" : null;
  const output = settled === "lost" ? { kind: "lost" } : { kind: "published", generation: id };
  return {
    event: { type: "xstate.done.actor.publishMemory", output } as EventObject,
    to: { ...product, published, crime },
  };
}

/** The agent of the dead is ended, then the row is taken over, then the run goes on where it was committed. */
async function takenOver(product: Product, at: 0 | 1, rules: Rules): Promise<Product> {
  const side = product.sides[at];
  const jobs = new Map([[SPACE, product.row]]);
  const store = (rules.jobs ?? memoryJobs)({
    ...createMemoryWorld(),
    jobs,
    settlements: new Map(product.settlements),
  });
  const worker = `worker ${NAMES[at]} after death ${product.deaths}`;
  const taken = await store.takeOver({
    space: SPACE,
    token: NAMES[at],
    worker,
    leaseSeconds: 3_600,
    nowMs: NOW_MS,
  });
  const lease = taken ?? { space: SPACE, token: NAMES[at], fence: -1 };
  const row = jobs.get(SPACE) as JobRow;
  return withSide({ ...product, row, crime: null }, at, { ...side, isUp: true, agent: "none", lease });
}

function died(product: Product, at: 0 | 1): Product {
  const side = product.sides[at];
  const before = {
    ...side,
    isUp: false,
    lease: null,
    agent: side.agent === "none" ? "none" : "orphaned",
  } as const;
  return { ...withSide(product, at, before), deaths: product.deaths + 1 };
}

function heard(product: Product, at: 0 | 1, event: EventObject): Product {
  const side = product.sides[at];
  const snapshot = transition(side.snapshot, event)?.snapshot ?? side.snapshot;
  return withSide(product, at, { ...side, snapshot });
}

function withSide(product: Product, at: 0 | 1, side: Side): Product {
  const sides = at === 0 ? ([side, product.sides[1]] as const) : ([product.sides[0], side] as const);
  return { ...product, sides };
}

/** Independent of the store's own guard: the row is running, under this token and this fence. */
function owns({ row }: Product, { lease }: Side): boolean {
  return row.status === "running" && row.ownership_token === lease?.token && row.fence === lease.fence;
}

function isHeldAlive({ row }: Product, { snapshot }: Side): boolean {
  const isOther = row.ownership_token !== snapshot.context.token;
  return row.status === "running" && isOther && (row.lease_until ?? 0) * 1_000 > NOW_MS;
}

function changed(a: JobRow, b: JobRow): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

function best(child: string): EventObject {
  return (ANSWERS[child] as (typeof ANSWERS)[string])[0]?.event as EventObject;
}

function inputOf({ snapshot }: Side, child: string): unknown {
  const persisted = phase2Machine.getPersistedSnapshot(snapshot) as unknown as {
    children: Record<string, { snapshot: { input: unknown } }>;
  };
  return persisted.children[child]?.snapshot.input;
}

function answerOf(logic: AnyActorLogic, input: unknown): Promise<unknown> {
  return toPromise(createActor(logic, { input: input as never }).start() as AnyActorRef);
}

function tell(event: EventObject): string {
  if (!event.type.startsWith("xstate.done.")) return ` says ${event.type}`;
  const { output } = event as EventObject & { output?: unknown };
  const { kind, why, owner } = (output ?? {}) as { kind?: string; why?: string; owner?: boolean };
  const answer = why ?? kind ?? (owner === undefined ? output : owner ? "owner" : "not the owner");
  return typeof answer === "string" ? `: ${answer}` : "";
}
