/**
 * A session of a coding agent, as phase 1 knows it: where its record lies, whether it is due, and what became of it.
 * The texts of a session are untrusted and never here; a store keeps only the sentences that its note rests on.
 */
import {
  DEFAULT_RETRIES,
  isExhausted,
  isLeaseAlive,
  type JobRow,
  type Lease,
  leaseUntil,
  type Settled,
  STAGE1_KIND,
} from "./job.ts";
import type { Stage1Output } from "./memory.ts";

/** What became of a session when it was last looked at. `seen`: nobody has read it yet. */
export type SessionVerdict =
  | "seen"
  | "learned"
  | "nobody_spoke"
  | "no_signal"
  | "polluted"
  | "not_idle"
  | "too_old"
  | "subagent"
  | "own"
  | "excluded"
  | "headless"
  | "gone"
  | "unreadable"
  | "unknown_format"
  | "failed";

/** What a folder tells of a session without its content. */
export interface Sighting {
  /** `claude-<uuid>`, `gemini-<id>`, `opencode-<id>`; Codex's bare uuid. The thread id of its note. */
  readonly key: string;
  readonly agent: string;
  readonly root: string;
  readonly path: string;
  readonly fingerprint: string;
  readonly bytes: number;
  /** Milliseconds. */
  readonly changedAt: number;
}

/** What the session itself tells; null where it does not, or nobody has looked. */
export interface SessionFacts {
  /** Milliseconds: when somebody last, and first, said something. */
  readonly saidAt: number | null;
  readonly firstAt: number | null;
  readonly cwd: string | null;
  /** Id of the project that the folder is of. */
  readonly project: string | null;
  readonly branch: string | null;
  readonly version: string | null;
  readonly headless: boolean | null;
  readonly parent: string | null;
  /** How many turns a person had, and how many calls of tools there were. */
  readonly persons: number | null;
  readonly tools: number | null;
}

export interface SessionRow extends Sighting, SessionFacts {
  readonly space: string;
  /** Unix seconds; grows whenever the fingerprint differs. What a success has taken in is measured by it. */
  readonly updatedAt: number;
  readonly verdict: SessionVerdict;
  /** Milliseconds: until then the verdict holds; null for as long as nothing changes. */
  readonly verdictUntil: number | null;
  readonly verdictAt: number;
  /** Of the note that was made of it. */
  readonly noteHash: string | null;
}

export const NO_FACTS: SessionFacts = {
  saidAt: null,
  firstAt: null,
  cwd: null,
  project: null,
  branch: null,
  version: null,
  headless: null,
  parent: null,
  persons: null,
  tools: null,
};

/** One thing that was said or done and that a note rests on; freed of secrets. */
export interface EvidenceRow {
  /** Its place among all that was said in the session. */
  readonly position: number;
  readonly tier: string;
  readonly saidAt: number | null;
  readonly text: string;
}

export interface SessionClaim {
  readonly space: string;
  readonly key: string;
  readonly worker: string;
  /** Minted with the run, so that a repeated claim finds its own row. */
  readonly token: string;
  readonly leaseSeconds: number;
  readonly retries: number;
  /** So many sessions are learned at once, by all processes of the home together. */
  readonly cap: number;
  /** A person asked for this session: backoff and used-up retries don't count. */
  readonly force: boolean;
  /** Learn it anew although nothing changed. */
  readonly again: boolean;
  readonly nowMs: number;
}

/** Why a session is not claimed. Not an error. */
export type SessionRefusal =
  | "unknown"
  | "forgotten"
  | "up-to-date"
  | "exhausted"
  | "backing-off"
  | "running"
  | "capped";

export type SessionClaimOutcome =
  | { readonly kind: "claimed"; readonly fence: number; readonly watermark: number }
  | { readonly kind: "skipped"; readonly why: SessionRefusal };

/** `forgotten`: the session was purged while it was learned, and nothing of it was kept. */
export type Recorded = "applied" | "already" | "lost" | "forgotten";

/** The end of a session that was read: its note, or that it has none. */
export interface SessionRecord {
  readonly lease: Lease;
  readonly space: string;
  readonly key: string;
  /** Null: nothing is worth keeping, and a note that was made before is taken back. */
  readonly note: Stage1Output | null;
  readonly noteHash: string | null;
  readonly verdict: SessionVerdict;
  readonly facts: SessionFacts;
  readonly evidence: readonly EvidenceRow[];
  readonly nowMs: number;
}

/** The end of a session that is not read now: the job is given back, and the verdict says why. */
export interface SessionSkip {
  readonly lease: Lease;
  readonly space: string;
  readonly key: string;
  readonly verdict: SessionVerdict;
  readonly verdictUntil: number | null;
  readonly facts: SessionFacts | null;
  readonly nowMs: number;
}

/** The end of a session that could not be learned: it is tried again later. */
export interface SessionFailure {
  readonly lease: Lease;
  readonly space: string;
  readonly key: string;
  readonly verdict: SessionVerdict;
  /** The short constant kept in `last_error`. */
  readonly reason: string;
  readonly retryDelaySeconds: number;
  readonly nowMs: number;
}

export interface SessionFilter {
  readonly space: string;
  readonly agents?: readonly string[];
  readonly verdicts?: readonly SessionVerdict[];
  /** Only those that come after this one. */
  readonly after?: Pick<SessionRow, "changedAt" | "key">;
  readonly limit: number;
}

/** A repository, or a folder where there is none; the same one across its worktrees, clones and renames. */
export interface Project {
  readonly id: string;
  /** Of git: the folder that all worktrees share. */
  readonly commonDir: string | null;
  readonly rootCommit: string | null;
  /** Without credentials, in one spelling. */
  readonly remote: string | null;
  readonly name: string;
}

export interface Exclusion {
  /** An absolute folder, or the key of a session. */
  readonly pattern: string;
  readonly at: number;
}

export interface SourceRow {
  readonly agent: string;
  readonly root: string;
  readonly seenAt: number;
  readonly sessions: number;
}

/** The job row of a session: in another space than `global` its key names both. */
export function jobKeyOf(space: string, key: string): string {
  return space === "global" ? key : `${space}/${key}`;
}

/** The row after a look at its file, or null when it tells nothing new. */
export function sighted(
  row: SessionRow | null,
  space: string,
  seen: Sighting,
  nowMs: number,
): SessionRow | null {
  const changedSecond = Math.max(1, Math.floor(seen.changedAt / 1000));
  if (row === null) {
    const verdict = { verdict: "seen", verdictUntil: null, verdictAt: nowMs, noteHash: null } as const;
    return { ...seen, ...NO_FACTS, ...verdict, space, updatedAt: changedSecond };
  }
  const isSame = row.fingerprint === seen.fingerprint && row.path === seen.path && row.root === seen.root;
  if (isSame) return null;
  const hasChanged = row.fingerprint !== seen.fingerprint;
  return {
    ...row,
    ...seen,
    ...(hasChanged ? { updatedAt: Math.max(row.updatedAt + 1, changedSecond) } : {}),
    // What made it wait or failed may be over; that it is excluded, or a helper's, is found again.
    ...(hasChanged || row.verdict === "gone"
      ? { verdict: "seen", verdictUntil: null, verdictAt: nowMs }
      : {}),
  } as SessionRow;
}

/**
 * Whether a session may be claimed, by the rules of the original's phase 1, in its order: up to date; then, unless the
 * session changed since it failed, exhausted and backing off; then running and the cap. Null = claimable.
 * `noteAt`: when the note that is stored for it was last said to be current (Unix seconds). `live`: leases that live.
 */
export function sessionRefusal(
  row: JobRow | null,
  session: Pick<SessionRow, "updatedAt">,
  { noteAt, live }: { readonly noteAt: number | null; readonly live: number },
  request: Pick<SessionClaim, "force" | "again" | "retries" | "cap" | "nowMs">,
): SessionRefusal | null {
  const now = Math.floor(request.nowMs / 1000);
  const { updatedAt } = session;
  const done = Math.max(row?.last_success_watermark ?? 0, noteAt ?? 0);
  if (!request.again && done >= updatedAt) return "up-to-date";
  const isNewer = row === null || (row.input_watermark ?? 0) < updatedAt;
  if (!isNewer && !request.force && isExhausted(row, request.retries)) return "exhausted";
  if (!isNewer && !request.force && (row.retry_at ?? 0) > now) return "backing-off";
  if (row !== null && isLeaseAlive(row, now)) return "running";
  return live >= request.cap ? "capped" : null;
}

/** The row that a claim makes: a session that changed, or that a person asked for, has all its retries again. */
export function claimedSession(row: JobRow | null, updatedAt: number, request: SessionClaim): JobRow {
  const isNewer = row === null || (row.input_watermark ?? 0) < updatedAt;
  return {
    kind: STAGE1_KIND,
    job_key: jobKeyOf(request.space, request.key),
    status: "running",
    worker_id: request.worker,
    ownership_token: request.token,
    started_at: Math.floor(request.nowMs / 1000),
    finished_at: null,
    lease_until: leaseUntil(request),
    retry_at: null,
    retry_remaining: isNewer || request.force ? DEFAULT_RETRIES : row.retry_remaining,
    last_error: null,
    input_watermark: updatedAt,
    last_success_watermark: row?.last_success_watermark ?? null,
    fence: (row?.fence ?? 0) + 1,
  };
}

/** Whether a path is the folder, or lies in it. Both absolute. */
export function isWithin(path: string, folder: string): boolean {
  const inner = folder.endsWith("/") ? folder : `${folder}/`;
  return path === folder || path.startsWith(inner);
}

/** Whether a person said that this session is never to be read. */
export function isExcluded(
  session: { readonly key: string; readonly cwd: string | null; readonly path: string },
  exclusions: readonly Pick<Exclusion, "pattern">[],
): boolean {
  return exclusions.some(
    ({ pattern }) =>
      pattern === session.key ||
      (session.cwd !== null && isWithin(session.cwd, pattern)) ||
      isWithin(session.path, pattern),
  );
}

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
  /** Newest first, by the time the file was changed; among equals by key. */
  list(filter: SessionFilter): Promise<readonly SessionRow[]>;
  /** Spaces that have sessions, by name, at most so many. */
  spaces(limit: number): Promise<readonly string[]>;
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
