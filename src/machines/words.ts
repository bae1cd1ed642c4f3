import type { AgentConfig } from "../domain/agent.ts";
import type { JobRow } from "../domain/job.ts";
import type { SpawnedAgent } from "../domain/phase2.ts";
import type { Settings } from "../domain/settings.ts";
import type { Status } from "../domain/status.ts";

/**
 * What the phase-2 machine is given and what it remembers. Plain JSON and small.
 */
export interface Phase2Input {
  readonly run: string;
  readonly space: string;
  /** Where readers find the memory; absolute. A process that takes the run over publishes there, too. */
  readonly root: string;
  /** Ownership token of the claim; minted with the run. */
  readonly token: string;
  /** Wall clock, Unix ms, at which the run's time is up; null = no limit. */
  readonly deadlineAtMs: number | null;
  /** `run --now`. */
  readonly force: boolean;
  /** `run --dry-run`: all but the publish; the job ends as it was before the claim. Absent: no. */
  readonly dryRun?: boolean;
  /** As they stood when the run began; another process that takes it over keeps to them. */
  readonly settings: Settings;
  /** Turns in which the agent may mend what the gate found. */
  readonly maxRepairs: number;
  /** How often the work is begun again because the agent died with its engine. */
  readonly maxRestarts: number;
}

export interface Phase2Context extends Phase2Input {
  /** `cancel` came while the claim was under way. */
  readonly cancelled: boolean;
  /** Only of a dry run that has claimed: the job's row before the claim. */
  readonly before: JobRow | null;
  readonly claimedWatermark: number | null;
  readonly completionWatermark: number | null;
  readonly inputs: number | null;
  /** Generation the run started from; null before syncing and in an empty space. */
  readonly base: string | null;
  readonly config: AgentConfig | null;
  readonly agent: SpawnedAgent | null;
  /** Last status the agent told. */
  readonly agentStatus: string | null;
  readonly repairs: number;
  readonly restarts: number;
  readonly findings: number;
  /** What a dry run would have published. */
  readonly draft: string | null;
  /** Generation that was published; null when none was. */
  readonly generation: string | null;
  /** How the run ends; null while that is open. */
  readonly status: Status | null;
  /** Underlying error of a failure, one bounded line. */
  readonly cause: string | null;
}
