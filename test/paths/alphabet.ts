import type { AnyMachineSnapshot, EventObject } from "xstate";
import type { JobRow } from "../../src/domain/job.ts";
import type { Phase2Event } from "../../src/domain/phase2.ts";

/** One thing the world may do: what a path is made of, and what it is called in the path's name. */
export interface Happening {
  /** Readable, unique: `claimJob: claimed`, `agent.completed`. */
  readonly name: string;
  readonly event: EventObject;
}

const config = {
  agent: "scripted",
  model: null,
  effort: null,
  approvals: "never",
  sandbox: "workspace-write",
  network: "none",
} as const;

/** The row of a job as it was before a dry run claimed it. */
const before: JobRow = {
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
  input_watermark: 20,
  last_success_watermark: 0,
  fence: 0,
};

/** Every class of answer of every invoked actor, by invoke id: outputs, and errors by their code. */
export const ANSWERS: Readonly<Record<string, readonly Happening[]>> = {
  claimJob: [
    done("claimJob", "claimed", { kind: "claimed", watermark: 20 }),
    done("claimJob", "claimed for a dry run", { kind: "claimed", watermark: 20, before }),
    done("claimJob", "not dirty", { kind: "skipped", why: "not-dirty" }),
    done("claimJob", "running", { kind: "skipped", why: "running" }),
    done("claimJob", "backing off", { kind: "skipped", why: "backing-off" }),
    done("claimJob", "exhausted", { kind: "skipped", why: "exhausted" }),
    done("claimJob", "cooling down", { kind: "skipped", why: "cooling-down" }),
    broke("claimJob"),
  ],
  configureAgent: [
    done("configureAgent", "ok", config),
    broke("configureAgent"),
    broke("configureAgent", "failed_sandbox_policy"),
  ],
  loadMemories: [
    done("loadMemories", "two inputs", { inputs: 2, completionWatermark: 20 }),
    done("loadMemories", "no input", { inputs: 0, completionWatermark: 20 }),
    broke("loadMemories"),
  ],
  syncSummaries: [
    done("syncSummaries", "on a base", { base: "base" }),
    done("syncSummaries", "first of the space", { base: null }),
    broke("syncSummaries"),
    broke("syncSummaries", "failed_lost_ownership"),
  ],
  syncRawMemories: [
    done("syncRawMemories", "changed", { unchanged: false }),
    done("syncRawMemories", "unchanged", { unchanged: true }),
    broke("syncRawMemories"),
  ],
  spawnAgent: [
    done("spawnAgent", "spawned", { kind: "spawned", id: "agent", threadId: null, sandbox: "none" }),
    done("spawnAgent", "stale", { kind: "stale" }),
    broke("spawnAgent"),
    broke("spawnAgent", "failed_subscribe_status"),
    broke("spawnAgent", "failed_sandbox_policy"),
    broke("spawnAgent", "failed_agent"),
  ],
  watchAgent: [
    {
      name: "watchAgent: ended",
      event: { type: "xstate.done.actor.watchAgent", actorId: "watchAgent" } as EventObject,
    },
    broke("watchAgent"),
  ],
  verifyArtifacts: [
    done("verifyArtifacts", "passed", { verdict: "passed", findings: 0, codes: [] }),
    done("verifyArtifacts", "repairable", { verdict: "repairable", findings: 1, codes: ["summary_version"] }),
    done("verifyArtifacts", "refused", { verdict: "refused", findings: 1, codes: ["symlink"] }),
    broke("verifyArtifacts"),
    broke("verifyArtifacts", "machine_lost"),
  ],
  confirmOwnership: [
    done("confirmOwnership", "owner", { owner: true }),
    done("confirmOwnership", "not the owner", { owner: false }),
    broke("confirmOwnership"),
  ],
  publishMemory: [
    done("publishMemory", "published", { kind: "published", generation: "next" }),
    done("publishMemory", "lost", { kind: "lost" }),
    broke("publishMemory"),
  ],
  keepDraft: [
    done("keepDraft", "kept", { kind: "kept", draft: "draft" }),
    done("keepDraft", "lost", { kind: "lost" }),
    broke("keepDraft"),
  ],
  closeAgent: [done("closeAgent", "closed", undefined), broke("closeAgent")],
  recordSuccess: [
    done("recordSuccess", "applied", "applied"),
    done("recordSuccess", "already", "already"),
    done("recordSuccess", "lost", "lost"),
    broke("recordSuccess"),
  ],
  recordFailure: [
    done("recordFailure", "applied", "applied"),
    done("recordFailure", "already", "already"),
    done("recordFailure", "lost", "lost"),
    broke("recordFailure"),
  ],
};

/** A person's word; it may come at any moment, also when it is too late. */
export const CANCEL: Happening = said({ type: "cancel" });

/** What the keepers of lease and deadline say from the claim on; a last word may come late. */
export const KEEPER_WORDS: readonly Happening[] = [
  said({ type: "lease.lost", why: "another worker owns the job" }),
  said({ type: "lease.uncertain", why: "the store was busy for too long" }),
  said({ type: "budget.reached", why: "the run took too long" }),
];

/** What only a watched agent can say. */
export const AGENT_WORDS: readonly Happening[] = [
  said({ type: "agent.running" }),
  said({ type: "agent.completed" }),
  said({ type: "agent.errored", why: "the model refused" }),
  said({ type: "agent.interrupted" }),
  said({ type: "agent.shutdown" }),
  said({ type: "agent.notFound" }),
  said({ type: "agent.gone" }),
];

/** Everything that may happen in this state: the answers of the actors that live, and what is said beside them. */
export function happenings(snapshot: AnyMachineSnapshot): readonly Happening[] {
  if (snapshot.status !== "active") return [];
  const alive = Object.keys(snapshot.children);
  const isClaimed = snapshot.context.claimedWatermark !== null;
  // Up to its draft a dry run is a run like any other: here it goes the ways that lead there, and no others.
  const isOnItsWay = snapshot.context.before !== null && !/drafting|succeeding|failing/.test(topOf(snapshot));
  if (isOnItsWay) {
    const words = alive.includes("watchAgent") ? AGENT_WORDS : [];
    const answers = alive.flatMap((id) => ANSWERS[id] ?? []);
    return [...answers, ...words].filter(({ name }) => TO_A_DRAFT.has(name));
  }
  return [
    ...alive.flatMap((id) => ANSWERS[id] ?? []),
    ...(alive.includes("watchAgent") ? AGENT_WORDS : []),
    CANCEL,
    ...(isClaimed ? KEEPER_WORDS : []),
  ];
}

const TO_A_DRAFT: ReadonlySet<string> = new Set([
  "configureAgent: ok",
  "loadMemories: two inputs",
  "loadMemories: no input",
  "syncSummaries: on a base",
  "syncRawMemories: changed",
  "syncRawMemories: unchanged",
  "spawnAgent: spawned",
  "spawnAgent: stale",
  "agent.completed",
  "agent.gone",
  "verifyArtifacts: passed",
]);

function topOf({ value }: AnyMachineSnapshot): string {
  return typeof value === "string" ? value : (Object.keys(value)[0] ?? "");
}

/** The name of an event of the alphabet. */
export function nameOf(event: EventObject): string {
  return NAMES.get(JSON.stringify(event)) ?? event.type;
}

export const ALPHABET: readonly Happening[] = [
  ...Object.values(ANSWERS).flat(),
  ...AGENT_WORDS,
  CANCEL,
  ...KEEPER_WORDS,
];

const NAMES = new Map(ALPHABET.map(({ name, event }) => [JSON.stringify(event), name]));

function done(id: string, answer: string, output: unknown): Happening {
  return {
    name: `${id}: ${answer}`,
    event: { type: `xstate.done.actor.${id}`, output, actorId: id } as EventObject,
  };
}

/** As the engine stores an error: message and code. */
function broke(id: string, code?: string): Happening {
  const error = { message: `${id} broke`, ...(code === undefined ? {} : { code }) };
  return {
    name: `${id}: ${code ?? "error"}`,
    event: { type: `xstate.error.actor.${id}`, error, actorId: id } as EventObject,
  };
}

function said(event: Phase2Event): Happening {
  return { name: event.type, event };
}
