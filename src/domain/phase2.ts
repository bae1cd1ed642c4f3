import type { AgentConfig } from "./agent.ts";
import type { ObservationMap } from "./event.ts";
import type { ClaimOutcome, JobRow, Lease, Settled } from "./job.ts";
import type { Status } from "./status.ts";

/**
 * What the phase-2 machine hears from the world, and what its actors take and answer: the agreement between
 * `machines/phase2.ts` and `services/`. All plain JSON and small: ids, counts, hashes, never memory text or
 * thread ids, for all of it is persisted.
 */
/** Everything the world can tell the machine beside the ends of its actors. */
export type Phase2Event =
  | { readonly type: "cancel" }
  /** Another worker owns the job. */
  | { readonly type: "lease.lost"; readonly why: string }
  /** The store stayed busy up to the safety margin before expiry. */
  | { readonly type: "lease.uncertain"; readonly why: string }
  | { readonly type: "budget.reached"; readonly why: string }
  | { readonly type: "agent.running" }
  | { readonly type: "agent.completed" }
  | { readonly type: "agent.errored"; readonly why: string }
  | { readonly type: "agent.interrupted" }
  | { readonly type: "agent.shutdown" }
  | { readonly type: "agent.notFound" }
  /** The process that held the agent died; the agent with it. */
  | { readonly type: "agent.gone" };

export interface SpawnedAgent {
  readonly id: string;
  readonly threadId: string | null;
  readonly sandbox: string;
}

export interface ClaimInput {
  readonly space: string;
  readonly token: string;
  readonly force: boolean;
  /** A dry run's claim: answered with the row as it was before. */
  readonly dryRun?: boolean;
}

/** Without the fence: that belongs to the process, not to the run. */
export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly watermark: number; readonly before?: JobRow }
  /** `because`: a sentence where the reason alone says too little. */
  | (Extract<ClaimOutcome, { kind: "skipped" }> & { readonly because?: string });

/** Every actor after the claim is told whose work it does. */
export interface RunInput {
  readonly run: string;
  readonly space: string;
}

export interface LoadAnswer {
  readonly inputs: number;
  readonly completionWatermark: number;
}

export interface SummariesAnswer {
  readonly base: string | null;
  /** Names the process that prepared the workspace: another machine has none of this name. */
  readonly workspace?: string;
}

export interface RawMemoriesAnswer {
  /** Host files equal the base, the root equals the base, and the base passes the gate. */
  readonly unchanged: boolean;
}

export interface SpawnInput extends RunInput {
  readonly config: AgentConfig;
  readonly attempt: number;
}

/** `stale`: an earlier process had started an agent in this workspace; it must be laid anew. */
export type SpawnAnswer = ({ readonly kind: "spawned" } & SpawnedAgent) | { readonly kind: "stale" };

export interface WatchInput extends RunInput {
  readonly agent: string;
  /** 0 = first turn; n = watch the n-th repair turn, after asking for it. */
  readonly repair: number;
}

export interface VerifyInput extends RunInput {
  readonly base: string | null;
  /** Turns in which the agent can still mend what is found now. */
  readonly repairsLeft: number;
}

export interface VerifyAnswer {
  readonly verdict: "passed" | "repairable" | "refused";
  readonly findings: number;
  /** Codes of what was found, for the cause; at most ten. */
  readonly codes: readonly string[];
}

export interface PublishInput extends RunInput {
  readonly base: string | null;
  /** Which agent made it, and how many findings were left: kept with the generation. Null: no agent worked. */
  readonly agent?: string | null;
  readonly findings?: number;
}

export interface DraftInput extends PublishInput {
  readonly watermark: number;
  readonly limit: number;
  /** Nothing changed: the draft is the base itself. */
  readonly unchanged: boolean;
}

export type DraftAnswer = { readonly kind: "kept"; readonly draft: string } | { readonly kind: "lost" };

export type PublishAnswer =
  | { readonly kind: "published"; readonly generation: string }
  | { readonly kind: "lost" };

export interface CloseInput extends RunInput {
  readonly agent: string | null;
  readonly status: Status | null;
}

export interface SuccessInput extends RunInput {
  readonly watermark: number;
  /** A dry run's end: the row becomes this one again instead. */
  readonly restore?: JobRow | null;
}

export interface FailureInput extends RunInput {
  readonly status: Status;
  readonly restore?: JobRow | null;
}

export type SettleAnswer = Settled;

/**
 * What binds the actors of one run to the process that executes it. The fence is never in the machine's
 * context or an intent: the engine holds it here, sets it on claim and takeover, and every write takes it from here.
 */
export interface LeaseHolder {
  readonly run: string;
  readonly space: string;
  /** Null before the claim, and when a takeover found that the token owns nothing any more. */
  lease(): Lease | null;
  setLease(lease: Lease | null): void;
  /** Adds an observation to the run's log (never a machine event); for beats, agent messages, findings. */
  recordEvent<Type extends keyof ObservationMap>(type: Type, data: ObservationMap[Type]): void;
}

/** Where a run works; made by the engine from `home` and the space. All absolute. */
export interface RunPlaces {
  /** `<home>/staging/<run>/workspace`: private copy in which inputs are synced and the agent works. */
  readonly workspace: string;
  /** `<home>/staging/<run>`: beside the workspace; process record, stderr. */
  readonly runFolder: string;
  /** `<home>/rejected/<run>`. */
  readonly rejected: string;
  /** The folder that readers on this machine use; null: this engine writes none, and the memory is in the store alone. */
  readonly root: string | null;
}
