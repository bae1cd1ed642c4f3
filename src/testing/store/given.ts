import { afterEach, beforeEach } from "vitest";
import type { ClaimRequest, JobRow, Lease } from "../../domain/job.ts";
import type { Stage1Output } from "../../domain/memory.ts";
import type { Store } from "../../domain/ports.ts";
import type { CommitRequest, Intent, NewRun, RunRecord } from "../../domain/run.ts";

/** Two doors to the same data: two stores where that is possible, else the same one twice. */
export interface World {
  readonly a: Store;
  readonly b: Store;
  /** Closes both and removes what they kept. */
  close(): Promise<void>;
  /**
   * Sets the clock that the stores have of their own (Unix milliseconds). A store that decides by it (`clock: "store"`)
   * needs this: it is set to what each call says, so that the tests are the same for all.
   */
  setNowMs?(nowMs: number): Promise<void>;
}

/** Opens a store that holds nothing; called before each test. */
export type OpenWorld = () => Promise<World>;

/** Opens a world before each test of the surrounding part, and closes it after it. */
export function openEach(open: OpenWorld, take: (world: World) => unknown): void {
  let world: World | null = null;
  beforeEach(async () => {
    world = await open();
    await take(world);
  });
  afterEach(() => world?.close());
}

/** Moves the stores' own clock on, or waits until it has moved by itself. */
export async function tick({ a, setNowMs }: World): Promise<void> {
  const nowMs = await a.nowMs();
  if (setNowMs !== undefined) return setNowMs(nowMs + 1000);
  while ((await a.nowMs()) <= nowMs) await new Promise((resolve) => setImmediate(resolve));
}

/** Stores that go by their own clock, with that clock set to what each call says it is. */
export function inStep(world: World): World {
  const { setNowMs } = world;
  if (world.a.clock === "caller") return world;
  if (setNowMs === undefined)
    throw new Error("A store with a clock of its own needs a world with `setNowMs`.");
  let before: Promise<unknown> = Promise.resolve();
  const follow = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member === "object" && member !== null) return follow(member);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]) => {
          const times = args.map((arg) => (arg as { nowMs?: unknown } | null)?.nowMs);
          const nowMs = times.find((time) => typeof time === "number") as number | undefined;
          // Each after the one before, so that the calls reach the store in the order in which they were made.
          const ready = before.then(() => (nowMs === undefined ? undefined : setNowMs(nowMs)));
          before = ready;
          return ready.then(() => member.apply(target, args));
        };
      },
    });
  const a = follow(world.a);
  return { ...world, a, b: world.b === world.a ? a : follow(world.b) };
}

/** Where the tests stand in time: seconds, and the same in milliseconds with a fraction that must be cut. */
export const NOW = 1_774_000_000;
export const NOW_MS = NOW * 1000 + 999;

export function asking(some: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    space: "global",
    worker: "worker-a",
    token: "token-a",
    leaseSeconds: 3600,
    successCooldownSeconds: 0,
    force: false,
    retries: 3,
    nowMs: NOW_MS,
    ...some,
  };
}

export function laterMs(seconds: number): number {
  return NOW_MS + seconds * 1000;
}

/** Enqueues and claims; the lease of the claim. */
export async function claimedLease(store: Store, some: Partial<ClaimRequest> = {}): Promise<Lease> {
  const request = asking(some);
  await store.jobs.enqueue(request.space, 100);
  const outcome = await store.jobs.claim(request);
  if (outcome.kind !== "claimed") throw new Error(`not claimed: ${outcome.why}`);
  return { space: request.space, token: request.token, fence: outcome.fence };
}

/** A row as `enqueue` leaves it, with some columns different. */
export function jobRow(some: Partial<JobRow> = {}): JobRow {
  return {
    kind: "memory_consolidate_global",
    job_key: "global",
    status: "pending",
    worker_id: null,
    ownership_token: null,
    started_at: null,
    finished_at: null,
    lease_until: null,
    retry_at: null,
    retry_remaining: 3,
    last_error: null,
    input_watermark: 100,
    last_success_watermark: 0,
    fence: 0,
    ...some,
  };
}

/** The row after `claimedLease`. */
export function runningRow(some: Partial<JobRow> = {}): JobRow {
  return jobRow({
    status: "running",
    worker_id: "worker-a",
    ownership_token: "token-a",
    started_at: NOW,
    lease_until: NOW + 3600,
    fence: 1,
    ...some,
  });
}

export function output(threadId: string, some: Partial<Stage1Output> = {}): Stage1Output {
  return {
    threadId,
    sourceUpdatedAt: 100,
    rawMemory: `raw of ${threadId}`,
    rolloutSummary: `summary of ${threadId}`,
    generatedAt: 101,
    rolloutSlug: null,
    rolloutPath: "/sessions/a.jsonl",
    cwd: "/project",
    gitBranch: null,
    ...some,
  };
}

export function newRun(some: Partial<NewRun> = {}): NewRun {
  return {
    id: "run-1",
    space: "global",
    machine: "phase2",
    version: "1",
    hash: "abc",
    owner: "owner-a",
    createdAtMs: NOW_MS,
    ...some,
  };
}

/** What a store reads back right after `create(newRun(), commitOf(0))`. */
export function createdRun(): RunRecord {
  return {
    ...newRun(),
    state: "active",
    sequence: 0,
    fence: 1,
    snapshot: commitOf(0).snapshot,
    updatedAtMs: NOW_MS,
    cancelRequestedAtMs: null,
    parked: null,
  };
}

export function commitOf(sequence: number, some: Partial<CommitRequest> = {}): CommitRequest {
  return {
    run: "run-1",
    fence: 1,
    sequence,
    atMs: NOW_MS + sequence,
    event: JSON.stringify({ type: `event.${sequence}` }),
    eventType: `event.${sequence}`,
    value: `state${sequence}`,
    snapshot: JSON.stringify({ step: sequence }),
    state: "active",
    intents: [],
    ...some,
  };
}

export function intent(key: string, some: Partial<Intent> = {}): Intent {
  const [run = "", , child = ""] = key.split("/");
  return { key, run, child, kind: "start", src: `do.${child}`, input: "{}", dueAtMs: null, ...some };
}
