import { assign, enqueueActions, setup, spawnChild, stopChild } from "xstate";
import { causeOf, codeOf } from "../domain/failure.ts";
import type { Settled } from "../domain/job.ts";
import {
  type CheckAnswer,
  type ExtractAnswer,
  type ExtractInput,
  type LearnClaimAnswer,
  type LearnClaimInput,
  type LearnFailed,
  type LearnFailureInput,
  type LearnRunInput,
  type LearnSettings,
  type LearnStatus,
  type LocateAnswer,
  type NoNote,
  type Phase1Event,
  type ReadAnswer,
  type ReadInput,
  type RecordAnswer,
  type RecordInput,
  type Skip,
  type SkipInput,
  statusOfRefusal,
  statusOfVerdict,
  type WeighAnswer,
} from "../domain/phase1.ts";
import { failureAfter, joinedCause, never, notProvided } from "./context.ts";

/** Part of every stored snapshot; raised with any change that an old snapshot would not survive. */
export const PHASE1_VERSION = "1";

/** What the phase-1 machine is given. Plain JSON and small. */
export interface Phase1Input {
  readonly run: string;
  readonly space: string;
  /** Of the session; the thread id of its note. */
  readonly key: string;
  /** Ownership token of the claim; minted with the run. */
  readonly token: string;
  /** Who writes the note: `rules`, or an agent's name. */
  readonly extractor: string;
  /** A person asked for this session: idle time, age, backoff and used-up retries don't count. */
  readonly force: boolean;
  /** Learn it although nothing changed. */
  readonly again: boolean;
  /** Wall clock, Unix ms, at which the run's time is up. */
  readonly deadlineAtMs: number | null;
  readonly settings: LearnSettings;
  /** Turns in which the extractor may mend what the check found. */
  readonly maxRepairs: number;
}

export interface Phase1Context extends Phase1Input {
  /** `cancel` came while the claim was under way. */
  readonly cancelled: boolean;
  readonly claimedWatermark: number | null;
  /** Of the file as it was read. */
  readonly fingerprint: string | null;
  readonly persons: number | null;
  readonly tools: number | null;
  readonly rows: number | null;
  readonly redacted: number | null;
  readonly leftOut: number | null;
  readonly noteBytes: number | null;
  readonly repairs: number;
  readonly findings: number;
  /** Why the session leaves no note. */
  readonly none: NoNote | null;
  /** Why the session is left alone. */
  readonly skip: Skip | null;
  /** How the run ends; null while that is open. */
  readonly status: LearnStatus | null;
  /** Underlying error of a failure, one bounded line. */
  readonly cause: string | null;
}

/**
 * Memory phase 1: what one session of a coding agent taught becomes one note.
 *
 *   claiming → locating → reading → weighing → extracting → checking → recording → succeeded
 *      │          │          │         │          ↑ ╰ none     │           ↑ ↑
 *      │          │          │         │          ╰─ repair ───┤           │ │
 *      │          │          │         ╰──── nothing to keep ──┴───────────╯ ╯
 *      ├→ skipped ╰─ skipping ┴→ skipped
 *      ╰→ failed       any step ── cancel · lease.lost · lease.uncertain · budget.reached ─→ failing → failed
 *
 * Nothing here touches the world, and no word of a session is ever in the context. Each `src` is a hole; the engine
 * fills it. The lease is kept from the claim until the run settles; from then on the guarded write itself decides.
 */
export const phase1Machine = setup({
  types: {
    context: {} as Phase1Context,
    events: {} as Phase1Event,
    input: {} as Phase1Input,
    output: {} as Phase1Context,
  },
  actors: {
    claimSession: notProvided<LearnClaimAnswer, LearnClaimInput>("claimSession"),
    keepLease: never<Phase1Event, LearnRunInput>(),
    keepDeadline: never<Phase1Event, { deadlineAtMs: number | null }>(),
    locateSession: notProvided<LocateAnswer, LearnRunInput & { force: boolean }>("locateSession"),
    readEvidence: notProvided<ReadAnswer, ReadInput & { force: boolean }>("readEvidence"),
    weighEvidence: notProvided<WeighAnswer, ReadInput>("weighEvidence"),
    extractNote: notProvided<ExtractAnswer, ExtractInput>("extractNote"),
    checkNote: notProvided<CheckAnswer, ExtractInput & { repairsLeft: number }>("checkNote"),
    recordNote: notProvided<RecordAnswer, RecordInput>("recordNote"),
    recordSkip: notProvided<Settled, SkipInput>("recordSkip"),
    closeExtractor: notProvided<void, LearnRunInput>("closeExtractor"),
    recordFailure: notProvided<Settled, LearnFailureInput>("recordFailure"),
  },
  actions: {
    remember: assign((_, patch: Partial<Phase1Context>) => patch),
    setFailure: assign(({ context }, failure: { status: LearnFailed; cause: string | null }) =>
      failureAfter(context, failure),
    ),
    appendCause: assign(({ context }, { cause }: { cause: string }) => ({
      cause: joinedCause(context, cause),
    })),
    /** Only now is it true: the end is written. */
    setSuccess: assign(({ context }) => ({
      status: context.none === null ? ("succeeded" as const) : ("succeeded_no_output" as const),
    })),
    setSkipped: assign(({ context }) => ({
      status: statusOfVerdict(context.skip?.verdict ?? "gone"),
    })),
    countRepair: assign(({ context }) => ({ repairs: context.repairs + 1 })),
    countFindings: assign(({ context }, { findings }: CheckAnswer) => ({
      findings: context.findings + findings,
    })),
    startKeeping: enqueueActions(({ context, enqueue }) => {
      const { run, space, key, deadlineAtMs } = context;
      enqueue(spawnChild("keepLease", { id: "keepLease", input: { run, space, key } }));
      enqueue(spawnChild("keepDeadline", { id: "keepDeadline", input: { deadlineAtMs } }));
    }),
    stopKeeping: enqueueActions(({ enqueue }) => {
      enqueue(stopChild("keepLease"));
      enqueue(stopChild("keepDeadline"));
    }),
  },
  guards: {
    isClaimed: (_, answer: LearnClaimAnswer) => answer.kind === "claimed",
    isClaimedTooLate: ({ context }, answer: LearnClaimAnswer) =>
      answer.kind === "claimed" && context.cancelled,
    isFound: (_, answer: LocateAnswer) => answer.kind === "found",
    isRead: (_, answer: ReadAnswer) => answer.kind === "read",
    isWorth: (_, answer: WeighAnswer) => answer.kind === "worth",
    isNote: (_, answer: ExtractAnswer) => answer.kind === "note",
    hasPassed: (_, answer: CheckAnswer) => answer.verdict === "passed",
    isEmpty: (_, answer: CheckAnswer) => answer.verdict === "empty",
    mayRepair: ({ context }, answer: CheckAnswer) =>
      answer.verdict === "repairable" && context.repairs < context.maxRepairs,
    isForgotten: (_, answer: RecordAnswer) => answer === "forgotten",
    isSettled: (_, answer: RecordAnswer) => answer !== "lost",
    ownsNothing: ({ context }) => context.status === "failed_lost_ownership",
  },
}).createMachine({
  id: "phase1",
  description: "Makes one note of what one session of a coding agent taught, as one exclusive, durable run.",
  context: ({ input }) => ({
    ...input,
    cancelled: false,
    claimedWatermark: null,
    fingerprint: null,
    persons: null,
    tools: null,
    rows: null,
    redacted: null,
    leftOut: null,
    noteBytes: null,
    repairs: 0,
    findings: 0,
    none: null,
    skip: null,
    status: null,
    cause: null,
  }),
  output: ({ context }) => context,
  initial: "claiming",
  on: {
    cancel: {
      description: "Someone asked to stop: the extractor is ended and the job released.",
      target: ".failing",
      actions: { type: "setFailure", params: { status: "cancelled", cause: null } },
    },
    "lease.lost": {
      description: "Another worker has the session's job: stop at once and write no row.",
      target: ".failing",
      actions: {
        type: "setFailure",
        params: ({ event }) => ({ status: "failed_lost_ownership", cause: event.why }) as const,
      },
    },
    "lease.uncertain": {
      description: "The lease on the session was not renewed in time: stop while it is still ours.",
      target: ".failing",
      actions: {
        type: "setFailure",
        params: ({ event }) => ({ status: "failed_confirm_ownership", cause: event.why }) as const,
      },
    },
    "budget.reached": {
      description: "A limit of time was reached.",
      target: ".failing",
      actions: {
        type: "setFailure",
        params: ({ event }) => ({ status: "failed_budget", cause: event.why }) as const,
      },
    },
  },
  states: {
    claiming: {
      description: "Asks for the job of the session: lease, token, watermark.",
      invoke: {
        id: "claimSession",
        src: "claimSession",
        input: ({ context: { run, space, key, token, force, again } }) => ({
          run,
          space,
          key,
          token,
          force,
          again,
        }),
        onDone: [
          {
            description: "The session is ours, but it was cancelled meanwhile: its job is given back.",
            guard: { type: "isClaimedTooLate", params: ({ event }) => event.output },
            target: "failing",
            actions: [
              { type: "setFailure", params: { status: "cancelled", cause: null } },
              { type: "remember", params: ({ event }) => claimed(event.output) },
            ],
          },
          {
            description: "The session is ours: keep its lease and the run's deadline from here on.",
            guard: { type: "isClaimed", params: ({ event }) => event.output },
            target: "locating",
            actions: [{ type: "remember", params: ({ event }) => claimed(event.output) }, "startKeeping"],
          },
          {
            description: "Learned already, or not now.",
            target: "skipped",
            actions: { type: "remember", params: ({ event }) => refused(event.output) },
          },
        ],
        onError: {
          description: "The store could not say whether the session may be learned.",
          target: "failed",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_claim", event.error) },
        },
      },
      on: {
        cancel: {
          description: "Remembered until the claim is answered, so that no session's job is left behind.",
          actions: { type: "remember", params: { cancelled: true } },
        },
      },
    },
    locating: {
      description:
        "Finds the session's file again, its folder and its project, and whether it is to be read at all.",
      invoke: {
        id: "locateSession",
        src: "locateSession",
        input: ({ context: { run, space, key, force } }) => ({ run, space, key, force }),
        onDone: [
          {
            description: "It is there and due.",
            guard: { type: "isFound", params: ({ event }) => event.output },
            target: "reading",
            actions: { type: "remember", params: ({ event }) => located(event.output) },
          },
          {
            description: "Gone, excluded, in use, too old, a helper's, or our own.",
            target: "skipping",
            actions: { type: "remember", params: ({ event }) => located(event.output) },
          },
        ],
        onError: {
          description: "The file or the store could not be looked at.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_locate", event.error) },
        },
      },
    },
    reading: {
      description:
        "Reads the session line by line; each thing that was said loses its secrets before it is kept.",
      invoke: {
        id: "readEvidence",
        src: "readEvidence",
        input: ({ context: { run, space, key, force, fingerprint } }) => ({
          run,
          space,
          key,
          force,
          fingerprint: fingerprint ?? "",
        }),
        onDone: [
          {
            description: "All of it is read, as far as the budget goes.",
            guard: { type: "isRead", params: ({ event }) => event.output },
            target: "weighing",
            actions: { type: "remember", params: ({ event }) => evidenceRead(event.output) },
          },
          {
            description: "Its last word is too young, or too old.",
            target: "skipping",
            actions: { type: "remember", params: ({ event }) => evidenceRead(event.output) },
          },
        ],
        onError: {
          description: "The file could not be read, or is of a format that is not known.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_unreadable", event.error) },
        },
      },
    },
    weighing: {
      description: "Whether there is anything to learn; no model is asked.",
      invoke: {
        id: "weighEvidence",
        src: "weighEvidence",
        input: ({ context }) => readInput(context),
        onDone: [
          {
            description: "Somebody spoke, and something was done.",
            guard: { type: "isWorth", params: ({ event }) => event.output },
            target: "extracting",
          },
          {
            description: "Nobody spoke, or nothing came of it: no note.",
            target: "recording",
            actions: { type: "remember", params: ({ event }) => without(event.output) },
          },
        ],
        onError: {
          description: "What was read is gone and could not be read again.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_unreadable", event.error) },
        },
      },
    },
    extracting: {
      description: "Writes the note: by rules, or by an agent that sees the evidence and nothing else.",
      invoke: {
        id: "extractNote",
        src: "extractNote",
        input: ({ context }) => ({ ...readInput(context), repair: context.repairs }),
        onDone: [
          {
            description: "There is a note.",
            guard: { type: "isNote", params: ({ event }) => event.output },
            target: "checking",
            actions: { type: "remember", params: ({ event }) => written(event.output) },
          },
          {
            description: "The extractor found nothing worth keeping.",
            target: "recording",
            actions: { type: "remember", params: ({ event }) => without(event.output) },
          },
        ],
        onError: {
          description: "The extractor failed.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_agent", event.error) },
        },
      },
    },
    checking: {
      description:
        "Holds the note to its form, to its size, and every preference in it to what a person said.",
      invoke: {
        id: "checkNote",
        src: "checkNote",
        input: ({ context }) => ({
          ...readInput(context),
          repair: context.repairs,
          repairsLeft: context.maxRepairs - context.repairs,
        }),
        onDone: [
          {
            description: "It may be kept; what nobody said is cut out of it.",
            guard: { type: "hasPassed", params: ({ event }) => event.output },
            target: "recording",
            actions: { type: "countFindings", params: ({ event }) => event.output },
          },
          {
            description: "Nothing is left of it.",
            guard: { type: "isEmpty", params: ({ event }) => event.output },
            target: "recording",
            actions: [
              { type: "countFindings", params: ({ event }) => event.output },
              { type: "remember", params: { none: "no_signal" } },
            ],
          },
          {
            description: "The extractor may mend it.",
            guard: { type: "mayRepair", params: ({ event }) => event.output },
            target: "extracting",
            actions: [{ type: "countFindings", params: ({ event }) => event.output }, "countRepair"],
          },
          {
            description: "It can't be mended.",
            target: "failing",
            actions: [
              { type: "countFindings", params: ({ event }) => event.output },
              { type: "setFailure", params: ({ event }) => refusedNote(event.output) },
            ],
          },
        ],
        onError: {
          description: "The note is gone, or could not be checked.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_invalid_output", event.error) },
        },
      },
    },
    recording: {
      description: "One guarded write: the note, its evidence, the job, and phase 2 of the space made due.",
      entry: "stopKeeping",
      invoke: {
        id: "recordNote",
        src: "recordNote",
        input: ({ context }) => ({ ...readInput(context), none: context.none }),
        onDone: [
          {
            description: "It was purged meanwhile: nothing was kept.",
            guard: { type: "isForgotten", params: ({ event }) => event.output },
            target: "skipped",
            actions: { type: "remember", params: { status: "skipped_forgotten" } },
          },
          {
            description: "The note is kept, or it is known that there is none.",
            guard: { type: "isSettled", params: ({ event }) => event.output },
            target: "succeeded",
            actions: "setSuccess",
          },
          {
            description: "Another worker owns the job: nothing was written.",
            target: "failed",
            actions: {
              type: "setFailure",
              params: { status: "failed_lost_ownership", cause: "another worker owns the job" },
            },
          },
        ],
        onError: {
          description: "The store could not keep it.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_record", event.error) },
        },
      },
      on: {
        cancel: { description: "Too late: it is being written." },
        "lease.lost": { description: "The guarded write decides." },
        "lease.uncertain": { description: "The guarded write decides." },
        "budget.reached": { description: "Too late: it is being written." },
      },
    },
    skipping: {
      description: "Gives the job back and keeps why the session is left alone.",
      entry: "stopKeeping",
      invoke: {
        id: "recordSkip",
        src: "recordSkip",
        input: ({ context: { run, space, key, skip } }) => ({
          run,
          space,
          key,
          verdict: skip?.verdict ?? "gone",
          until: skip?.until ?? null,
        }),
        onDone: [
          {
            description: "The job is free again.",
            guard: { type: "isSettled", params: ({ event }) => event.output },
            target: "skipped",
            actions: "setSkipped",
          },
          {
            description: "Another worker owns the job: no row was written.",
            target: "failed",
            actions: {
              type: "setFailure",
              params: { status: "failed_lost_ownership", cause: "another worker owns the job" },
            },
          },
        ],
        onError: {
          description: "The store could not release the job.",
          target: "failing",
          actions: { type: "setFailure", params: ({ event }) => fault("failed_record", event.error) },
        },
      },
      on: {
        cancel: { description: "It is ending already." },
        "lease.lost": { description: "The guarded write decides." },
        "lease.uncertain": { description: "The guarded write decides." },
        "budget.reached": { description: "It is ending already." },
      },
    },
    failing: {
      description: "Ends the extractor and records the failure, or releases the job.",
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
          description: "Ends the extractor before anyone else may claim the session, and clears its folder.",
          invoke: {
            id: "closeExtractor",
            src: "closeExtractor",
            input: ({ context: { run, space, key } }) => ({ run, space, key }),
            onDone: [
              {
                description: "Not the owner: no row is written.",
                guard: "ownsNothing",
                target: "#phase1.failed",
              },
              { description: "Nothing of the extractor lives.", target: "recording" },
            ],
            onError: [
              {
                description: "Not the owner: no row is written.",
                guard: "ownsNothing",
                target: "#phase1.failed",
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
            input: ({ context: { run, space, key, status } }) => ({
              run,
              space,
              key,
              status: status ?? "failed_agent",
            }),
            onDone: [
              {
                description: "The job says why, and when to try again.",
                guard: { type: "isSettled", params: ({ event }) => event.output },
                target: "#phase1.failed",
              },
              {
                description: "Another worker owns the job: no row was written.",
                target: "#phase1.failed",
                actions: { type: "setFailure", params: { status: "failed_lost_ownership", cause: null } },
              },
            ],
            onError: {
              description: "The store could not record the failure; the lease runs out by itself.",
              target: "#phase1.failed",
              actions: { type: "appendCause", params: ({ event }) => ({ cause: causeOf(event.error) }) },
            },
          },
        },
      },
    },
    succeeded: {
      description: "What the session taught is kept; or it is known that it taught nothing.",
      type: "final",
    },
    skipped: { description: "The session is left alone, and nothing of it was kept.", type: "final" },
    failed: { description: "The run failed or was cancelled; the notes are as they were.", type: "final" },
  },
});

function claimed(answer: LearnClaimAnswer): Partial<Phase1Context> {
  return answer.kind === "claimed" ? { claimedWatermark: answer.watermark } : {};
}

function refused(answer: LearnClaimAnswer): Partial<Phase1Context> {
  return answer.kind === "skipped" ? { status: statusOfRefusal(answer.why) } : {};
}

function located(answer: LocateAnswer): Partial<Phase1Context> {
  return answer.kind === "found" ? { fingerprint: answer.fingerprint } : { skip: answer };
}

function evidenceRead(answer: ReadAnswer): Partial<Phase1Context> {
  if (answer.kind === "skip") return { skip: answer };
  const { kind: _, ...counts } = answer;
  return counts;
}

function without(answer: WeighAnswer | ExtractAnswer): Partial<Phase1Context> {
  return answer.kind === "none" ? { none: answer.verdict } : {};
}

function written(answer: ExtractAnswer): Partial<Phase1Context> {
  return answer.kind === "note" ? { noteBytes: answer.bytes } : {};
}

function refusedNote({ codes }: CheckAnswer): { status: LearnFailed; cause: string } {
  return { status: "failed_invalid_output", cause: codes.join(", ") };
}

function readInput({ run, space, key, fingerprint }: Phase1Context): ReadInput {
  return { run, space, key, fingerprint: fingerprint ?? "" };
}

/** An error may carry a more exact status than the step it came from. */
function fault(status: LearnFailed, error: unknown): { status: LearnFailed; cause: string } {
  return { status: EXACT[codeOf(error) ?? ""] ?? status, cause: causeOf(error) };
}

const EXACT: Readonly<Record<string, LearnFailed>> = {
  failed_lost_ownership: "failed_lost_ownership",
  failed_budget: "failed_budget",
  session_unknown_format: "failed_unknown_format",
  session_packed: "failed_unknown_format",
  session_unreadable: "failed_unreadable",
  session_too_large: "failed_unreadable",
  session_gone: "failed_unreadable",
};
