import type { JobRow, Lease, Settled } from "./job.ts";
import type {
  EvidenceRow,
  Exclusion,
  Project,
  Recorded,
  SessionClaim,
  SessionClaimOutcome,
  SessionFailure,
  SessionFilter,
  SessionRecord,
  SessionRow,
  SessionSkip,
  Sighting,
  SourceRow,
} from "./session.ts";

/**
 * The sessions of phase 1, each with a job of its own (kind `memory_stage1`). A lease of such a job names its row
 * (`jobKeyOf`) where a space's lease names the space. Guarded and repeatable as `JobStore` is.
 */
export interface SessionStore {
  /**
   * Takes in what a look at the agents' folders found; rows that tell nothing new stay as they are. Sessions that were
   * purged leave no row, and are counted.
   */
  sight(space: string, seen: readonly Sighting[], nowMs: number): Promise<{ readonly forgotten: number }>;
  read(space: string, key: string): Promise<SessionRow | null>;
  /** Newest first, by the time the file was changed. */
  list(filter: SessionFilter): Promise<readonly SessionRow[]>;
  /** By verdict. */
  count(space: string): Promise<Readonly<Record<string, number>>>;
  /** One immediate transaction, tests in the order of `sessionRefusal`. Repeated under the same token it is given again. */
  claim(request: SessionClaim): Promise<SessionClaimOutcome>;
  renew(
    leases: readonly Lease[],
    times: { leaseSeconds: number; nowMs: number },
  ): Promise<{ readonly lost: readonly string[] }>;
  takeOver(request: {
    space: string;
    token: string;
    worker: string;
    leaseSeconds: number;
    nowMs: number;
  }): Promise<Lease | null>;
  /** The job fails, and the session says so. */
  fail(settlement: SessionFailure): Promise<Settled>;
  /** Cancelled: the job is pending again. */
  release(settlement: { lease: Lease; reason: string; nowMs: number }): Promise<Settled>;
  /** Not now, or never: the job is pending again and the verdict is kept. */
  skip(settlement: SessionSkip): Promise<Settled>;
  /**
   * One transaction, conditional on the lease: the note is written if it is not older than the stored one (or the stored
   * one is deleted), phase 2 of the space is enqueued if that changed anything, and job, session and evidence say so.
   */
  record(settlement: SessionRecord): Promise<Recorded>;
  job(space: string, key: string): Promise<JobRow | null>;
  /** Every job of a session that is running or failed, by its row. */
  jobs(): Promise<readonly JobRow[]>;
  /** In the order in which it was said. */
  evidence(space: string, key: string): Promise<readonly EvidenceRow[]>;

  /** What is never read. Repeating it changes nothing. */
  exclude(pattern: string, nowMs: number): Promise<void>;
  /** False: it was not excluded. */
  include(pattern: string): Promise<boolean>;
  exclusions(): Promise<readonly Exclusion[]>;

  /** What the last look at an agent's folder found. */
  keepSource(source: SourceRow): Promise<void>;
  sources(): Promise<readonly SourceRow[]>;
}

/** Which project a folder is of. A path once known stays known, also when the folder is gone. */
export interface ProjectStore {
  list(): Promise<readonly Project[]>;
  /** The project of this very folder. */
  ofPath(path: string): Promise<Project | null>;
  /** Every folder that is known of the project, in order. */
  pathsOf(project: string): Promise<readonly string[]>;
  /** Keeps the project and that the folder is of it. Two projects that turn out to be one become the given one. */
  keep(path: string, project: Project, nowMs: number, same?: readonly string[]): Promise<void>;
}
