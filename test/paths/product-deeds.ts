import { type AnyActorLogic, type AnyActorRef, createActor, type EventObject, toPromise } from "xstate";
import { type JobRow, NO_FENCE } from "../../src/domain/job.ts";
import type { LeaseHolder } from "../../src/domain/phase2.ts";
import { DEFAULT_SETTINGS } from "../../src/domain/settings.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { memoryGenerations } from "../../src/persistence/memory/generations.ts";
import { memoryJobs } from "../../src/persistence/memory/jobs.ts";
import { createMemoryWorld } from "../../src/persistence/memory/world.ts";
import { claimJob, confirmOwnership, recordFailure, recordSuccess } from "../../src/services/job.ts";
import { ANSWERS } from "./alphabet.ts";
import {
  clock,
  isHeldAlive,
  NAMES,
  NOW_MS,
  owns,
  type Product,
  type Rules,
  type Side,
  SPACE,
  withSide,
} from "./product-state.ts";

export interface Done {
  readonly event: EventObject;
  readonly to: Product;
}

/** What one living actor may do: the real service on the real rules where it touches the job, else its best answer. */
export async function deed(
  product: Product,
  at: 0 | 1,
  child: string,
  rules: Rules,
): Promise<readonly Done[]> {
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
      if (side.lease?.fence === NO_FENCE) return [];
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
  const holder: LeaseHolder = {
    run: NAMES[at],
    space: SPACE,
    lease: () => lease,
    setLease: (held) => {
      lease = held;
    },
    recordEvent: () => {},
  };
  const jobs = new Map([[SPACE, product.row]]);
  const settlements = new Map(product.settlements);
  const store = (rules.jobs ?? memoryJobs)({ ...createMemoryWorld(), jobs, settlements });
  const deps = { jobs: store, holder, worker: `worker ${NAMES[at]}`, clock, settings: DEFAULT_SETTINGS };
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
export async function takenOver(product: Product, at: 0 | 1, rules: Rules): Promise<Product> {
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
  const lease = taken ?? { space: SPACE, token: NAMES[at], fence: NO_FENCE };
  const row = jobs.get(SPACE) as JobRow;
  const after = withSide({ ...product, row, crime: null }, at, { ...side, isUp: true, agent: "none", lease });
  const other = at === 0 ? 1 : 0;
  if (rules.leavesOrphans || after.sides[other].agent !== "orphaned") return after;
  return withSide(after, other, { ...after.sides[other], agent: "none" });
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
