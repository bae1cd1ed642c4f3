import { assign, enqueueActions, setup, spawnChild, stopChild } from "xstate";
import type { AgentConfig } from "../domain/agent.ts";
import { causeOf } from "../domain/failure.ts";
import type {
  ClaimAnswer,
  ClaimInput,
  CloseInput,
  DraftAnswer,
  DraftInput,
  FailureInput,
  LoadAnswer,
  Phase2Event,
  PublishAnswer,
  PublishInput,
  RawMemoriesAnswer,
  RunInput,
  SettleAnswer,
  SpawnAnswer,
  SpawnInput,
  SuccessInput,
  SummariesAnswer,
  VerifyAnswer,
  VerifyInput,
  WatchInput,
} from "../domain/phase2.ts";
import type { FailedStatus } from "../domain/status.ts";
import {
  claimed,
  drafted,
  failureAfter,
  fault,
  joinedCause,
  never,
  notProvided,
  type Phase2Context,
  type Phase2Input,
  published,
  skipped,
  spawned,
} from "./context.ts";

/** Part of every stored snapshot; raised with any change that an old snapshot would not survive. */
export const PHASE2_VERSION = "1";

/**
 * Memory phase 2: one agent folds what many sessions learned into one memory.
 *
 *   claiming → configuring → loading → syncing → spawning → supervising → verifying → publishing → succeeding → succeeded
 *       ├→ skipped                        │          ↑           ╰ repair ─╯              ↑
 *       ╰→ failed                         ├──────────┴─ agent gone ─╯                     │
 *                                         ├→ publishing (no input)  ───────────────────────╯
 *                                         ╰→ succeeding (nothing changed)
 *   dry run: verifying or syncing → drafting → succeeding; no publishing, and the job ends as it was
 *   any step ── cancel · lease.lost · lease.uncertain · budget.reached ─→ failing → failed
 *
 * Nothing here touches the world. Each `src` is a hole; the engine fills it. The lease is kept from the claim
 * until the run settles; from then on the guarded write itself decides.
 */
export const phase2Machine = setup({
  types: {
    context: {} as Phase2Context,
    events: {} as Phase2Event,
    input: {} as Phase2Input,
    output: {} as Phase2Context,
  },
  actors: {
    claimJob: notProvided<ClaimAnswer, ClaimInput>("claimJob"),
    keepLease: never<Phase2Event, RunInput>(),
    keepDeadline: never<Phase2Event, { deadlineAtMs: number | null }>(),
    configureAgent: notProvided<AgentConfig, RunInput>("configureAgent"),
    loadMemories: notProvided<LoadAnswer, RunInput & { limit: number; watermark: number }>("loadMemories"),
    syncSummaries: notProvided<SummariesAnswer, RunInput>("syncSummaries"),
    syncRawMemories: notProvided<RawMemoriesAnswer, RunInput & { base: string | null }>("syncRawMemories"),
    spawnAgent: notProvided<SpawnAnswer, SpawnInput>("spawnAgent"),
    watchAgent: never<Phase2Event, WatchInput>(),
    verifyArtifacts: notProvided<VerifyAnswer, VerifyInput>("verifyArtifacts"),
    confirmOwnership: notProvided<{ owner: boolean }, RunInput>("confirmOwnership"),
    publishMemory: notProvided<PublishAnswer, PublishInput>("publishMemory"),
    keepDraft: notProvided<DraftAnswer, DraftInput>("keepDraft"),
    closeAgent: notProvided<void, CloseInput>("closeAgent"),
    recordSuccess: notProvided<SettleAnswer, SuccessInput>("recordSuccess"),
    recordFailure: notProvided<SettleAnswer, FailureInput>("recordFailure"),
  },
  actions: {
    remember: assign((_, patch: Partial<Phase2Context>) => patch),
    setFailure: assign(({ context }, failure: { status: FailedStatus; cause: string | null }) =>
      failureAfter(context, failure),
    ),
    appendCause: assign(({ context }, { cause }: { cause: string }) => ({
      cause: joinedCause(context, cause),
    })),
    /** Only now is it true: the success is written. */
    setSuccess: assign(({ context }) => ({
      status: context.status ?? (context.inputs === 0 ? "succeeded_no_input" : "succeeded"),
    })),
    startKeeping: enqueueActions(({ context, enqueue }) => {
      const { run, space, deadlineAtMs } = context;
      enqueue(spawnChild("keepLease", { id: "keepLease", input: { run, space } }));
      enqueue(spawnChild("keepDeadline", { id: "keepDeadline", input: { deadlineAtMs } }));
    }),
    stopKeeping: enqueueActions(({ enqueue }) => {
      enqueue(stopChild("keepLease"));
      enqueue(stopChild("keepDeadline"));
    }),
    countRepair: assign(({ context }) => ({ repairs: context.repairs + 1 })),
    countRestart: assign(({ context }) => ({
      restarts: context.restarts + 1,
      repairs: 0,
      agent: null,
      agentStatus: null,
    })),
  },
  guards: {
    isClaimed: (_, answer: ClaimAnswer) => answer.kind === "claimed",
    isClaimedTooLate: ({ context }, answer: ClaimAnswer) => answer.kind === "claimed" && context.cancelled,
    hasNoInput: ({ context }) => context.inputs === 0,
    hasNoInputToTry: ({ context }) => context.inputs === 0 && Boolean(context.before),
    isUnchangedTry: ({ context }, answer: RawMemoriesAnswer) =>
      context.settings.skipUnchanged && answer.unchanged && Boolean(context.before),
    hasPassedTry: ({ context }, answer: VerifyAnswer) =>
      answer.verdict === "passed" && Boolean(context.before),
    isKept: (_, answer: DraftAnswer) => answer.kind === "kept",
    isUnchanged: ({ context }, answer: RawMemoriesAnswer) =>
      context.settings.skipUnchanged && answer.unchanged,
    isSpawned: (_, answer: SpawnAnswer) => answer.kind === "spawned",
    mayRestart: ({ context }) => context.restarts < context.maxRestarts,
    hasPassed: (_, answer: VerifyAnswer) => answer.verdict === "passed",
    mayRepair: ({ context }, answer: VerifyAnswer) =>
      answer.verdict === "repairable" && context.repairs < context.maxRepairs,
    isOwner: (_, answer: { owner: boolean }) => answer.owner,
    isPublished: (_, answer: PublishAnswer) => answer.kind === "published",
    isSettled: (_, answer: SettleAnswer) => answer !== "lost",
    ownsNothing: ({ context }) => context.status === "failed_lost_ownership",
  },
}).createMachine({
  id: "phase2",
  description: "Folds what many sessions learned into one memory, as one exclusive, durable run.",
  context: ({ input }) => ({
    ...input,
    cancelled: false,
    before: null,
    claimedWatermark: null,
    completionWatermark: null,
    inputs: null,
    base: null,
    config: null,
    agent: null,
    agentStatus: null,
    repairs: 0,
    restarts: 0,
    findings: 0,
    draft: null,
    generation: null,
    status: null,
    cause: null,
  }),
  output: ({ context }) => context,
  initial: "claiming",
  on: {
    cancel: {
      description: "Someone asked to stop: the agent is ended and the job released.",
      target: ".failing",
      actions: { type: "setFailure", params: { status: "cancelled", cause: null } },
    },
    "lease.lost": {
      description: "Another worker owns the job: stop at once and write no row.",
      target: ".failing",
      actions: {
        type: "setFailure",
        params: ({ event }) => ({ status: "failed_lost_ownership", cause: event.why }) as const,
      },
    },
    "lease.uncertain": {
      description: "The lease could not be renewed in time: stop while it is still ours.",
      target: ".failing",
      actions: {
        type: "setFailure",
        params: ({ event }) => ({ status: "failed_confirm_ownership", cause: event.why }) as const,
      },
    },
    "budget.reached": {
      description: "A limit of time, silence, turns, tokens or cost was reached.",
      target: ".failing",
      actions: {
        type: "setFailure",
        params: ({ event }) => ({ status: "failed_budget", cause: event.why }) as const,
      },
    },
  },
  states: {
    claiming: {
      description: "Asks for the one job of the space: lease, token, watermark.",
      invoke: {
        id: "claimJob",
        src: "claimJob",
        input: ({ context }) => ({
          space: context.space,
          token: context.token,
          force: context.force,
          dryRun: context.dryRun ?? false,
        }),
        onDone: [
          {
            description: "Claimed, but cancelled meanwhile: give it back.",
            guard: { type: "isClaimedTooLate", params: ({ event }) => event.output },
            target: "failing",
            actions: [
              { type: "remember", params: ({ event }) => claimed(event.output) },
              { type: "setFailure", params: { status: "cancelled", cause: null } },
            ],
          },
          {
            description: "The job is ours: keep its lease and the run's deadline from here on.",
            guard: { type: "isClaimed", params: ({ event }) => event.output },
            target: "configuring",
            actions: [{ type: "remember", params: ({ event }) => claimed(event.output) }, "startKeeping"],
          },
          {
            description: "Nothing to do, or not now.",
            target: "skipped",
            actions: { type: "remember", params: ({ event }) => skipped(event.output) },
          },
        ],
        onError: {
          description: "The store could not answer the claim.",
          target: "failed",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_claim", event.error) },
        },
      },
      on: {
        cancel: {
          description: "Remembered until the claim is answered, so that no claimed row is left behind.",
          actions: { type: "remember", params: { cancelled: true } },
        },
      },
    },
    configuring: {
      description: "Builds the locked-down agent configuration.",
      invoke: {
        id: "configureAgent",
        src: "configureAgent",
        input: ({ context }) => ({ run: context.run, space: context.space }),
        onDone: {
          description: "The configuration is complete.",
          target: "loading",
          actions: { type: "remember", params: ({ event }) => ({ config: event.output }) },
        },
        onError: {
          description: "No sandbox that keeps the agent in its workspace.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_sandbox_policy", event.error) },
        },
      },
    },
    loading: {
      description: "Selects the newest stage-1 outputs and records them for this run.",
      invoke: {
        id: "loadMemories",
        src: "loadMemories",
        input: ({ context }) => ({
          run: context.run,
          space: context.space,
          limit: context.settings.maxInputs,
          watermark: context.claimedWatermark ?? 0,
        }),
        onDone: {
          description: "The inputs of this run are fixed.",
          target: "syncing",
          actions: { type: "remember", params: ({ event }) => event.output },
        },
        onError: {
          description: "The stage-1 outputs could not be read or recorded.",
          target: "failing",
          actions: {
            type: "setFailure",
            params: ({ event }) => fault("failed_load_stage1_outputs", event.error),
          },
        },
      },
    },
    syncing: {
      description: "Lays the private workspace: the base generation and the host's files.",
      initial: "summaries",
      states: {
        summaries: {
          description: "Makes staging anew from the base and writes rollout_summaries/.",
          invoke: {
            id: "syncSummaries",
            src: "syncSummaries",
            input: ({ context }) => ({ run: context.run, space: context.space }),
            onDone: {
              description: "The summaries are in the workspace.",
              target: "rawMemories",
              actions: { type: "remember", params: ({ event }) => event.output },
            },
            onError: {
              description: "The workspace or the summaries could not be written.",
              target: "#phase2.failing",
              actions: {
                type: "setFailure",
                params: ({ event }) => fault("failed_sync_artifacts", event.error),
              },
            },
          },
        },
        rawMemories: {
          description: "Rebuilds raw_memories.md, and clears the memory when there is no input.",
          invoke: {
            id: "syncRawMemories",
            src: "syncRawMemories",
            input: ({ context }) => ({ run: context.run, space: context.space, base: context.base }),
            onDone: [
              {
                description: "A dry run without input: what would be cleared is kept as a draft.",
                guard: "hasNoInputToTry",
                target: "#phase2.drafting",
              },
              {
                description: "A dry run to which nothing changed: its draft is the memory as it is.",
                guard: { type: "isUnchangedTry", params: ({ event }) => event.output },
                target: "#phase2.drafting",
              },
              {
                description: "No input: the cleared memory is published without an agent.",
                guard: "hasNoInput",
                target: "#phase2.publishing",
                actions: { type: "remember", params: { status: null } },
              },
              {
                description: "Nothing changed since the last good generation: no agent is needed.",
                guard: { type: "isUnchanged", params: ({ event }) => event.output },
                target: "#phase2.succeeding",
                actions: { type: "remember", params: { status: "succeeded_no_workspace_changes" } },
              },
              {
                description: "There is something to consolidate.",
                target: "#phase2.spawning",
              },
            ],
            onError: {
              description: "raw_memories.md could not be written.",
              target: "#phase2.failing",
              actions: {
                type: "setFailure",
                params: ({ event }) => fault("failed_rebuild_raw_memories", event.error),
              },
            },
          },
        },
      },
    },
    spawning: {
      description: "Starts the agent in the workspace, with its status already subscribed.",
      invoke: {
        id: "spawnAgent",
        src: "spawnAgent",
        input: ({ context }) => ({
          run: context.run,
          space: context.space,
          config: context.config as AgentConfig,
          attempt: context.restarts,
        }),
        onDone: [
          {
            description: "The agent is at work.",
            guard: { type: "isSpawned", params: ({ event }) => event.output },
            target: "supervising",
            actions: { type: "remember", params: ({ event }) => spawned(event.output) },
          },
          {
            description: "An earlier process had started an agent here: lay the workspace anew.",
            guard: "mayRestart",
            target: "syncing",
            actions: "countRestart",
          },
          {
            description: "The agent died with its engine too often.",
            target: "failing",
            actions: {
              type: "setFailure",
              params: { status: "failed_agent", cause: "the agent's engine died repeatedly" },
            },
          },
        ],
        onError: {
          description: "The agent could not be started or its status not be followed.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_spawn_agent", event.error) },
        },
      },
    },
    supervising: {
      description: "Follows the agent's status until it is final.",
      invoke: {
        id: "watchAgent",
        src: "watchAgent",
        input: ({ context }) => ({
          run: context.run,
          space: context.space,
          agent: context.agent?.id ?? "",
          repair: context.repairs,
        }),
        onDone: {
          description: "The status stream ended without a final status.",
          target: "failing",
          actions: {
            type: "setFailure",
            params: { status: "failed_agent", cause: "the status stream ended without a final status" },
          },
        },
        onError: {
          description: "The agent's status could not be followed.",
          target: "failing",
          actions: {
            type: "setFailure",
            params: ({ event }) => fault("failed_subscribe_status", event.error),
          },
        },
      },
      on: {
        "agent.running": {
          description: "The agent works.",
          actions: { type: "remember", params: { agentStatus: "running" } },
        },
        "agent.completed": {
          description: "The agent says it is done; the gate decides.",
          target: "verifying",
          actions: { type: "remember", params: { agentStatus: "completed" } },
        },
        "agent.errored": {
          description: "The agent failed.",
          target: "failing",
          actions: [
            { type: "remember", params: { agentStatus: "errored" } },
            {
              type: "setFailure",
              params: ({ event }) => ({ status: "failed_agent", cause: event.why }) as const,
            },
          ],
        },
        "agent.interrupted": {
          description: "An interruption that was not ours.",
          target: "failing",
          actions: [
            { type: "remember", params: { agentStatus: "interrupted" } },
            {
              type: "setFailure",
              params: { status: "failed_agent", cause: "the agent was interrupted from elsewhere" },
            },
          ],
        },
        "agent.shutdown": {
          description: "The agent was shut down before it was done.",
          target: "failing",
          actions: [
            { type: "remember", params: { agentStatus: "shutdown" } },
            { type: "setFailure", params: { status: "failed_agent", cause: "the agent was shut down" } },
          ],
        },
        "agent.notFound": {
          description: "Nobody knows this agent.",
          target: "failing",
          actions: [
            { type: "remember", params: { agentStatus: "notFound" } },
            { type: "setFailure", params: { status: "failed_agent", cause: "the agent was not found" } },
          ],
        },
        "agent.gone": [
          {
            description: "The agent died with its engine: lay the workspace anew and begin again.",
            guard: "mayRestart",
            target: "syncing",
            actions: "countRestart",
          },
          {
            description: "The agent died with its engine too often.",
            target: "failing",
            actions: {
              type: "setFailure",
              params: { status: "failed_agent", cause: "the agent's engine died repeatedly" },
            },
          },
        ],
      },
    },
    verifying: {
      description: "The gate: checks what the agent left in the workspace.",
      invoke: {
        id: "verifyArtifacts",
        src: "verifyArtifacts",
        input: ({ context }) => ({
          run: context.run,
          space: context.space,
          base: context.base,
          repairsLeft: Math.max(0, context.maxRepairs - context.repairs),
        }),
        onDone: [
          {
            description: "Fit to be published, but this is a dry run: it is kept as a draft.",
            guard: { type: "hasPassedTry", params: ({ event }) => event.output },
            target: "drafting",
            actions: { type: "remember", params: ({ event }) => ({ findings: event.output.findings }) },
          },
          {
            description: "The memory is fit to be published.",
            guard: { type: "hasPassed", params: ({ event }) => event.output },
            target: "publishing",
            actions: { type: "remember", params: ({ event }) => ({ findings: event.output.findings }) },
          },
          {
            description: "The findings go back to the agent as a repair turn.",
            guard: { type: "mayRepair", params: ({ event }) => event.output },
            target: "supervising",
            actions: [
              { type: "remember", params: ({ event }) => ({ findings: event.output.findings }) },
              "countRepair",
            ],
          },
          {
            description: "The gate refuses the memory; the base stays.",
            target: "failing",
            actions: [
              { type: "remember", params: ({ event }) => ({ findings: event.output.findings }) },
              {
                type: "setFailure",
                params: ({ event }) =>
                  ({ status: "failed_invalid_artifacts", cause: event.output.codes.join(", ") }) as const,
              },
            ],
          },
        ],
        onError: {
          description: "The gate itself could not read the workspace.",
          target: "failing",
          actions: {
            type: "setFailure",
            params: ({ event }) => fault("failed_invalid_artifacts", event.error),
          },
        },
      },
    },
    drafting: {
      description: "A dry run keeps what it would have published, where `apply` finds it.",
      invoke: {
        id: "keepDraft",
        src: "keepDraft",
        input: ({ context }) => ({
          run: context.run,
          space: context.space,
          base: context.base,
          agent: context.agent === null ? null : (context.config?.agent ?? null),
          findings: context.findings,
          watermark: context.completionWatermark ?? 0,
          limit: context.settings.maxInputs,
          unchanged: context.agent === null && context.inputs !== 0,
        }),
        onDone: [
          {
            description: "The draft is kept.",
            guard: { type: "isKept", params: ({ event }) => event.output },
            target: "succeeding",
            actions: { type: "remember", params: ({ context, event }) => drafted(event.output, context) },
          },
          {
            description: "The fenced write was refused: another worker owns the job.",
            target: "failing",
            actions: {
              type: "setFailure",
              params: { status: "failed_lost_ownership", cause: "another worker owns the job" },
            },
          },
        ],
        onError: {
          description: "The draft could not be kept.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_publish", event.error) },
        },
      },
    },
    publishing: {
      description: "Makes the workspace the memory readers see.",
      initial: "confirming",
      states: {
        confirming: {
          description: "Confirms that the job is still ours; the last moment to stop.",
          invoke: {
            id: "confirmOwnership",
            src: "confirmOwnership",
            input: ({ context }) => ({ run: context.run, space: context.space }),
            onDone: [
              {
                description: "Still the owner.",
                guard: { type: "isOwner", params: ({ event }) => event.output },
                target: "committing",
              },
              {
                description: "Another worker owns the job: nothing is published.",
                target: "#phase2.failing",
                actions: {
                  type: "setFailure",
                  params: { status: "failed_lost_ownership", cause: "another worker owns the job" },
                },
              },
            ],
            onError: {
              description: "The store could not say whose the job is.",
              target: "#phase2.failing",
              actions: {
                type: "setFailure",
                params: ({ event }) => fault("failed_confirm_ownership", event.error),
              },
            },
          },
        },
        committing: {
          description:
            "Past the point of no return: journal, renames, cleared journal. Nothing interrupts it.",
          invoke: {
            id: "publishMemory",
            src: "publishMemory",
            input: ({ context }) => ({
              run: context.run,
              space: context.space,
              base: context.base,
              agent: context.agent === null ? null : (context.config?.agent ?? null),
              findings: context.findings,
            }),
            onDone: [
              {
                description: "The generation is what readers see.",
                guard: { type: "isPublished", params: ({ event }) => event.output },
                target: "#phase2.succeeding",
                actions: { type: "remember", params: ({ event }) => published(event.output) },
              },
              {
                description:
                  "The fenced commit was refused: another worker owns the job, the root is untouched.",
                target: "#phase2.failing",
                actions: {
                  type: "setFailure",
                  params: { status: "failed_lost_ownership", cause: "another worker owns the job" },
                },
              },
            ],
            onError: {
              description:
                "The generation could not be committed or laid out; an open journal is rolled forward later.",
              target: "#phase2.failing",
              actions: { type: "setFailure", params: ({ event }) => fault("failed_publish", event.error) },
            },
          },
          on: {
            cancel: { description: "Too late: the publish is brought to its end." },
            "lease.lost": { description: "The fenced commit decides." },
            "lease.uncertain": { description: "The fenced commit decides." },
            "budget.reached": { description: "Too late: the publish is brought to its end." },
          },
        },
      },
    },
    succeeding: {
      description: "Closes the agent and records the success with the new watermark.",
      entry: "stopKeeping",
      initial: "closing",
      on: {
        cancel: { description: "Too late: the memory is published." },
        "lease.lost": { description: "The guarded write decides." },
        "lease.uncertain": { description: "The guarded write decides." },
        "budget.reached": { description: "Too late: the memory is published." },
      },
      states: {
        closing: {
          description: "Ends the agent, which does nothing when it is already gone, and clears staging.",
          invoke: {
            id: "closeAgent",
            src: "closeAgent",
            input: ({ context }) => ({
              run: context.run,
              space: context.space,
              agent: context.agent?.id ?? null,
              status: context.status,
            }),
            onDone: { description: "Nothing of the agent lives.", target: "recording" },
            onError: { description: "Left to the next clean-up; the result stands.", target: "recording" },
          },
        },
        recording: {
          description: "The guarded write of the success.",
          invoke: {
            id: "recordSuccess",
            src: "recordSuccess",
            input: ({ context }) => ({
              run: context.run,
              space: context.space,
              watermark: context.completionWatermark ?? 0,
              restore: context.before,
            }),
            onDone: [
              {
                description: "The job is done up to the new watermark; after a dry run it is as before.",
                guard: { type: "isSettled", params: ({ event }) => event.output },
                target: "#phase2.succeeded",
                actions: "setSuccess",
              },
              {
                description: "Another worker owns the job: no row is written.",
                target: "#phase2.failed",
                actions: [
                  { type: "remember", params: { status: null } },
                  {
                    type: "setFailure",
                    params: { status: "failed_lost_ownership", cause: "another worker owns the job" },
                  },
                ],
              },
            ],
            onError: {
              description: "The store could not record the success.",
              target: "#phase2.failing",
              actions: [
                { type: "remember", params: { status: null } },
                { type: "setFailure", params: ({ event }) => fault("failed_confirm_ownership", event.error) },
              ],
            },
          },
        },
      },
    },
    failing: {
      description: "Closes the agent and records the failure, or releases the job.",
      entry: "stopKeeping",
      initial: "closing",
      on: {
        cancel: { description: "It is ending already." },
        "lease.lost": { description: "The guarded write decides." },
        "lease.uncertain": { description: "The guarded write decides." },
        "budget.reached": { description: "It is ending already." },
      },
      states: {
        closing: {
          description: "Ends the agent before anyone else may claim the space, and clears staging.",
          invoke: {
            id: "closeAgent",
            src: "closeAgent",
            input: ({ context }) => ({
              run: context.run,
              space: context.space,
              agent: context.agent?.id ?? null,
              status: context.status,
            }),
            onDone: [
              {
                description: "Not the owner: no row is written.",
                guard: "ownsNothing",
                target: "#phase2.failed",
              },
              { description: "Nothing of the agent lives.", target: "recording" },
            ],
            onError: [
              {
                description: "Not the owner: no row is written.",
                guard: "ownsNothing",
                target: "#phase2.failed",
              },
              {
                description: "Left to the next clean-up; the failure is recorded all the same.",
                target: "recording",
              },
            ],
          },
        },
        recording: {
          description:
            "The guarded write: failure with a reason and a retry time, or release after a cancel.",
          invoke: {
            id: "recordFailure",
            src: "recordFailure",
            input: ({ context }) => ({
              run: context.run,
              space: context.space,
              status: context.status ?? "failed_agent",
              restore: context.before,
            }),
            onDone: [
              {
                description: "The job says why, and when to try again.",
                guard: { type: "isSettled", params: ({ event }) => event.output },
                target: "#phase2.failed",
              },
              {
                description: "Another worker owns the job: no row was written.",
                target: "#phase2.failed",
                actions: { type: "setFailure", params: { status: "failed_lost_ownership", cause: null } },
              },
            ],
            onError: {
              description: "The store could not record the failure; the lease runs out by itself.",
              target: "#phase2.failed",
              actions: { type: "appendCause", params: ({ event }) => ({ cause: causeOf(event.error) }) },
            },
          },
        },
      },
    },
    succeeded: { description: "The memory is up to date.", type: "final" },
    skipped: { description: "Nothing was done, and nothing was touched.", type: "final" },
    failed: { description: "The run failed or was cancelled; the memory is as it was.", type: "final" },
  },
});
