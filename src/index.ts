/**
 * Slowwave: memory phase 2 as a durable, exclusive, observable run.
 *
 * - `createEngine` runs it: give it a store, an agent and a home; `engine.start()` gives a `Run` whose
 *   `result` is a `RunResult` and whose `events$` tells everything on the way.
 * - `phase2Machine` is the statechart behind it, to be inspected, or provided by hand and run in `createActor`.
 * - `createDurableEngine` makes any XState machine durable.
 *
 * Stores: `slowwave/sqlite`, `slowwave/memory`, or your own: `Store` and every type it names are exported here, the
 * rules of a job that every store shares too (`jobRules`), and the tests it has to pass by `slowwave/testing`. Agents:
 * `slowwave/agents`. Many processes on one store: `slowwave/fleet`. Sessions that other agents keep: `slowwave/transcripts`.
 */
export type {
  AdmissionCarrier,
  AdmissionLimits,
  AdmissionRefusal,
  AdmissionStore,
  AdmitOutcome,
  AdmitRequest,
  Admitted,
  DueTerms,
  FleetOverview,
  TenantRow,
  WorkerReport,
  WorkerRow,
} from "./domain/admission.ts";
export type {
  AgentConfig,
  AgentEvent,
  AgentHandle,
  AgentLimits,
  AgentProbe,
  AgentRunner,
  AgentSpec,
  AgentUsage,
} from "./domain/agent.ts";
export type { Clock, Ids } from "./domain/clock.ts";
export type { Connection, ConnectionStore } from "./domain/connection.ts";
export type {
  AgentReport,
  DryRun,
  ObservationMap,
  RunEvent,
  RunEventMap,
  RunResult,
  StateSpan,
} from "./domain/event.ts";
export { ERROR_CODES, type ErrorCode, type Reason, SlowwaveError } from "./domain/failure.ts";
export type {
  Draft,
  FileChanges,
  Finding,
  Generation,
  GenerationKind,
  GenerationStore,
  HandEdit,
  HandEdits,
  Journal,
  JournalStep,
  Manifest,
  ManifestEntry,
} from "./domain/generation.ts";
export type {
  ClaimOutcome,
  ClaimRequest,
  DueJob,
  DueRequest,
  JobFailure,
  JobKind,
  JobPage,
  JobRow,
  JobStatus,
  JobStore,
  Lease,
  Outcome,
  Settled,
} from "./domain/job.ts";
export * as jobRules from "./domain/job-rules.ts";
export type { MemoryStore, SetAside, Stage1Input, Stage1Output, UpsertOutcome } from "./domain/memory.ts";
export type { Liveness, LocalStore, Locks, RetentionRequest, RetentionSlice, Store } from "./domain/ports.ts";
export type {
  ActorRow,
  CommitOutcome,
  CommitRequest,
  Inbox,
  Intent,
  LogRow,
  NewRun,
  RunFilter,
  RunMessage,
  RunRecord,
  RunStore,
  RunTally,
  Signal,
  UnfinishedPage,
  UnfinishedRun,
} from "./domain/run.ts";
export type {
  EvidenceRow,
  Exclusion,
  Project,
  ProjectStore,
  Recorded,
  SessionClaim,
  SessionClaimOutcome,
  SessionFacts,
  SessionFailure,
  SessionFilter,
  SessionRecord,
  SessionRefusal,
  SessionRow,
  SessionSkip,
  SessionStore,
  SessionVerdict,
  Sighting,
  SourceRow,
} from "./domain/session.ts";
export {
  DEFAULT_SETTINGS,
  type GateCode,
  type GateSettings,
  type GateSeverity,
  type Settings,
} from "./domain/settings.ts";
export type { FailedStatus, PassingStatus, SkippedStatus, Status, SucceededStatus } from "./domain/status.ts";
export type { BudgetName, BudgetUse, RunLimits, Used } from "./domain/usage.ts";
export { createDurableEngine } from "./durable/engine.ts";
export type {
  Committed,
  DurableEngine,
  DurableOptions,
  DurableRun,
  Emitted,
  ParkedRun,
  Receipt,
  RetryPolicy,
  RunQuery,
  RunScope,
  StoredSnapshot,
} from "./durable/options.ts";
export type { Codec } from "./durable/plain-event.ts";
export { messageNumber } from "./durable/running-actors.ts";
export {
  type CheckoutOptions,
  checkout,
  type FollowOptions,
  followCheckout,
  readMemory,
} from "./engine/checkout.ts";
export { type Controls, type ControlsOptions, createControls, type PurgedSpaces } from "./engine/controls.ts";
export { createEngine } from "./engine/engine.ts";
export type { Engine, EngineOptions, Run, StartRequest } from "./engine/engine-api.ts";
export type { LiveRun, LiveRuns, RunRegistry } from "./engine/events.ts";
export {
  createPhase2Actor,
  type Phase2Actor,
  type Phase2ActorOptions,
  type Phase2Invocation,
  type Phase2Logic,
} from "./engine/phase2-actor.ts";
export {
  createPhase2Steps,
  type DurableStep,
  type Phase2Steps,
  type Phase2StepsOptions,
  type SteppedRequest,
} from "./engine/phase2-steps.ts";
export type { Files, Folder } from "./files/folder.ts";
export type { Phase2Context, Phase2Input } from "./machines/context.ts";
export { PHASE1_VERSION, phase1Machine } from "./machines/phase1.ts";
export { PHASE2_VERSION, phase2Machine } from "./machines/phase2.ts";
export type { ApplyAnswer } from "./memory-files/apply.ts";
export type { Checkout } from "./memory-files/checkout.ts";
export type { Purged } from "./memory-files/purge/purge.ts";
export type { RollbackAnswer } from "./memory-files/rollback.ts";
