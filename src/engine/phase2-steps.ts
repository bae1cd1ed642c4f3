import type { AnyActorLogic, AnyMachineSnapshot, EventObject } from "xstate";
import { NO_FENCE } from "../domain/job.ts";
import { checkSpaceKey } from "../domain/settings.ts";
import { ActorRef } from "../durable/actor-ref.ts";
import type { Effect } from "../durable/effects.ts";
import { Leaf } from "../durable/leaf.ts";
import { plainEvent } from "../durable/plain-event.ts";
import { dotted, INERT_SYSTEM, type Step as Macrostep, transitionsOf } from "../durable/transition.ts";
import type { Phase2Context, Phase2Input } from "../machines/context.ts";
import { phase2Machine } from "../machines/phase2.ts";
import { inputOf, openRun, termsOf } from "./actors.ts";
import { openPlainRuns, type Phase2ActorOptions } from "./phase2-actor.ts";
import { bringRootForward, findLostWorkspace, needsWorkspace } from "./recovery.ts";

/**
 * A durable step of another engine, such as `DBOS.runStep` or the `run` of a Restate context: the work is done once, and
 * what it answered, plain JSON, is given again whenever the workflow is replayed. A step whose answer was not recorded is
 * repeated. Steps come in the same order and under the same names in every replay.
 */
export type DurableStep = <Answer>(name: string, work: () => Promise<Answer>) => Promise<Answer>;

export type Phase2StepsOptions = Omit<Phase2ActorOptions, "space">;

/** Which space, and whether a retry time, an exhausted budget of retries and a cooldown are ignored (`run --now`). */
export interface SteppedRequest {
  readonly space: string;
  readonly now?: boolean;
}

export interface Phase2Steps {
  /** One run of phase 2, as steps of the caller's engine. Answers with the machine's last context; `status` says how it ended. */
  run(request: SteppedRequest, step: DurableStep): Promise<Phase2Context>;
  /** Ends agents that still live; call it when no step is under way. */
  close(): Promise<void>;
}

/**
 * Phase 2 inside another durable engine: its machine and its services, with the state of the run in the steps of the caller.
 * Each actor of the machine is one step, whose recorded answer is what the machine was told. The job's row, its lease and
 * its fence stay in the store: a process that goes on with a run takes the lease over before its first step.
 *
 * Next to `createEngine` a run has no log, so there is nothing to follow, inspect or show later; nobody can cancel it; and
 * what an agent says arrives when its turn is over. The workspace of a run lies in `home`: a process that goes on with a run
 * and lacks that folder ends the run as `machine_lost`, at no cost, or finishes it where its generation is committed.
 *
 * ```ts
 * const phase2 = await createPhase2Steps({ store, agent, home: ".slowwave" });
 * const consolidate = DBOS.registerWorkflow(async (space: string) => {
 *   const { status } = await phase2.run({ space }, (name, work) => DBOS.runStep(work, { name }));
 *   return status;
 * }, { name: "consolidate" });
 * ```
 *
 * Rejects with `home_*` or `invalid_settings`; `run` with `root_*` or `space_invalid`.
 */
export async function createPhase2Steps(options: Phase2StepsOptions): Promise<Phase2Steps> {
  const runs = await openPlainRuns(options);
  const { environment, homeId, settings, worker } = runs;
  const { clock, ids, store } = environment;

  /** Recorded as the run's first step: another process goes on under the same id, token and terms. */
  async function begin({ space, now = false }: SteppedRequest): Promise<Phase2Input> {
    await runs.checkRoot(space);
    const terms = termsOf(environment, settings);
    return inputOf(environment, { run: ids.run(), space, now, dryRun: false }, terms);
  }

  return {
    async run(request, step) {
      checkSpaceKey(request.space);
      const input = await step("input", () => begin(request));
      const { run, space, token } = input;
      const holder = runs.holderOf(run, space);
      const bound = { holder, worker, homeId };
      let actors = openRun(environment, bound, input);
      /** Where another process made the claim, the fence was its own. */
      const ownLease = async ({ claimedWatermark }: Phase2Context) => {
        if (claimedWatermark === null || holder.lease() !== null) return;
        const { leaseSeconds } = input.settings;
        const request = { space, token, worker, leaseSeconds, nowMs: clock.nowMs() };
        holder.setLease((await store.jobs.takeOver(request)) ?? { space, token, fence: NO_FENCE });
      };
      let isLooked = false;
      /** What of the run may have been left on another machine: its workspace, or the memory folder it published to. */
      const lookForFolders = async (state: string, { workspace, generation }: Phase2Context) => {
        if (isLooked || !(needsWorkspace(state) || generation !== null)) return;
        const lost = await findLostWorkspace(environment, { id: run, space, state, workspace });
        const lease = holder.lease();
        isLooked = true;
        if (lost !== null) actors = openRun(environment, { ...bound, lost }, input);
        if (generation === null || lease === null) return;
        const atItsEnd = () => bringRootForward({ ...environment, homeId }, { run, space, lease });
        actors = openRun(environment, { ...bound, atItsEnd }, input);
      };
      const prepare: SteppedRun["prepare"] = async (snapshot) => {
        const context = snapshot.context as Phase2Context;
        await ownLease(context);
        await lookForFolders(dotted(snapshot.value), context);
        return actors as never;
      };
      return steps({ input, prepare }, step);
    },
    close: runs.close,
  };
}

type Start = Extract<Effect, { kind: "start" }>;

type Actors = Readonly<Record<string, AnyActorLogic>>;

interface SteppedRun {
  readonly input: Phase2Input;
  /** Before the work of a step: makes the run this process's, and answers with the actors that can work here. */
  prepare(snapshot: AnyMachineSnapshot): Promise<Actors>;
}

const transitions = transitionsOf(phase2Machine);

/** What actors of one step say goes to the step. */
const SYSTEM = {
  ...INERT_SYSTEM,
  _relay: (source: unknown, target: unknown, event: EventObject) => {
    if (source instanceof Leaf) source.relay(target, event);
  },
};

/** The keepers of lease and deadline: beside every step, as nothing lives between two of them. */
const BESIDE: ReadonlySet<string> = new Set(["keepLease", "keepDeadline"]);

async function steps({ input, prepare }: SteppedRun, step: DurableStep): Promise<Phase2Context> {
  const keepers = new Map<string, Start>();
  let { snapshot, effects } = transitions.initialTransition(input);
  for (let number = 1; snapshot.status === "active"; number += 1) {
    keepKeepers(keepers, effects);
    const next = effects.findLast(isWork);
    if (next === undefined) throw stuck(snapshot);
    const events = await step(`${number} ${next.src}`, async () => {
      return eventsOf(snapshot, [next, ...keepers.values()], await prepare(snapshot));
    });
    effects = [];
    for (const event of events) {
      const moved = transitions.transition(snapshot, event);
      if (moved === null) continue;
      snapshot = moved.snapshot;
      effects = [...effects, ...moved.effects];
    }
  }
  return snapshot.context as Phase2Context;
}

function isWork(effect: Effect): effect is Start {
  return effect.kind === "start" && !BESIDE.has(effect.src);
}

function keepKeepers(keepers: Map<string, Start>, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.kind === "start" && BESIDE.has(effect.src)) keepers.set(effect.child, effect);
    if (effect.kind === "stop") keepers.delete(effect.child);
  }
}

function stuck({ value }: AnyMachineSnapshot): Error {
  return new Error(`The machine asks for nothing in ${dotted(value)}.`);
}

/**
 * Lets actors work until what they say leads the machine to its next work, or to its end. What was said until then is the
 * step's answer; the actors are stopped.
 */
function eventsOf(
  from: AnyMachineSnapshot,
  starts: readonly Start[],
  actors: Actors,
): Promise<readonly EventObject[]> {
  return new Promise((resolve) => {
    const leaves: Leaf[] = [];
    const events: EventObject[] = [];
    let snapshot = from;
    let isOver = false;
    const report = (event: EventObject) => {
      if (isOver) return;
      const plain = plainEvent(event).event;
      const moved: Macrostep | null = transitions.transition(snapshot, plain);
      if (moved === null) return;
      events.push(plain);
      snapshot = moved.snapshot;
      isOver = snapshot.status !== "active" || moved.effects.some(isWork);
      if (!isOver) return;
      for (const leaf of leaves) leaf.stop();
      resolve(events);
    };
    for (const { src, ref, input } of starts) {
      const logic = actors[src];
      if (isOver || logic === undefined) continue;
      const { id, state, _parent } = ref;
      const own = new ActorRef(SYSTEM as never, _parent, { id, src, kind: "leaf", state });
      leaves.push(new Leaf(logic, own, input, { report, deliver: () => {}, emit: () => {} }));
    }
    // An actor may have ended the step while it began.
    if (isOver) for (const leaf of leaves) leaf.stop();
  });
}
