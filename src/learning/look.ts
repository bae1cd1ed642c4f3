import type { Clock } from "../domain/clock.ts";
import {
  isExcluded,
  type SessionRow,
  type SessionStore,
  type SessionVerdict,
  type Sighting,
} from "../domain/session.ts";
import type { Surroundings, TranscriptFile, TranscriptReader } from "../transcripts/reader.ts";

interface LookDeps {
  readonly sessions: SessionStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly readers: Readonly<Record<string, TranscriptReader | undefined>>;
  readonly surroundings: Surroundings;
}

/** One folder in which an agent keeps its sessions, by names and times alone. */
export interface Source {
  readonly agent: string;
  readonly title: string;
  readonly root: string;
  readonly sessions: number;
  /** Milliseconds; null where there is none. */
  readonly newestAt: number | null;
  /** After so many days the agent deletes its sessions itself; null: never. */
  readonly retentionDays: number | null;
}

export interface Look {
  readonly sources: readonly Source[];
  /** The files, by session. */
  readonly files: ReadonlyMap<string, TranscriptFile>;
  /** Sessions that were purged: they leave no row. */
  readonly forgotten: number;
}

/** So many rows go into one commit. */
const CHUNK = 200;

/** Looks for sessions where their agents keep them and takes them in. Helpers are left to the sessions that started them. */
export async function lookAround(
  deps: LookDeps,
  { space, agents }: { readonly space: string; readonly agents?: readonly string[] },
): Promise<Look> {
  const { sessions, readers, surroundings, clock } = deps;
  const files = new Map<string, TranscriptFile>();
  const sources: Source[] = [];
  for (const [agent, reader] of Object.entries(readers)) {
    if (reader === undefined || agents?.includes(agent) === false) continue;
    for (const root of new Set(reader.roots(surroundings))) {
      const found = await sessionsBelow(reader, root);
      if (found.length === 0) continue;
      for (const file of found)
        if (file.bytes >= (files.get(file.key)?.bytes ?? 0)) files.set(file.key, file);
      const newestAt = Math.max(...found.map(({ changedAt }) => changedAt));
      const retentionDays = await reader.retentionDays(root);
      const count = new Set(found.map(({ key }) => key)).size;
      sources.push({ agent, title: reader.title, root, sessions: count, newestAt, retentionDays });
      await sessions.keepSource({ agent, root, seenAt: clock.nowMs(), sessions: count });
    }
  }
  const forgotten = await takeIn(sessions, space, [...files.values()], clock.nowMs());
  return { sources, files, forgotten };
}

export async function takeIn(
  sessions: SessionStore,
  space: string,
  files: readonly TranscriptFile[],
  nowMs: number,
): Promise<number> {
  let forgotten = 0;
  for (let from = 0; from < files.length; from += CHUNK) {
    const seen = files.slice(from, from + CHUNK).map(sightingOf);
    forgotten += (await sessions.sight(space, seen, nowMs)).forgotten;
  }
  return forgotten;
}

function sightingOf({ key, agent, root, path, fingerprint, bytes, changedAt }: TranscriptFile): Sighting {
  return { key, agent, root, path, fingerprint, bytes, changedAt: Math.trunc(changedAt) };
}

async function sessionsBelow(reader: TranscriptReader, root: string): Promise<readonly TranscriptFile[]> {
  const found: TranscriptFile[] = [];
  for await (const file of reader.list(root)) if (file.kind === "session") found.push(file);
  return found;
}

export interface DueQuery {
  readonly space: string;
  readonly agents?: readonly string[];
  /** Sessions of this folder, or below it, and of its project. */
  readonly project?: { readonly folder: string; readonly id: string | null };
  /** Milliseconds: not those that changed before. */
  readonly since?: number;
  readonly limit: number;
  /** No session is too old. */
  readonly isAnyAge?: boolean;
  /** False: sessions that a program held are left out. Those that were left out before are due again where it is true. */
  readonly includeHeadless: boolean;
  /** Those whose agent deletes its sessions, by agent. */
  readonly retentionDays: ReadonlyMap<string, number | null>;
}

/** Verdicts after which another look may find the session due. */
const OPEN: readonly SessionVerdict[] = [
  "seen",
  "not_idle",
  "failed",
  "unreadable",
  "unknown_format",
  "excluded",
];

const DAY_MS = 24 * 60 * 60 * 1_000;
const SOON_MS = 7 * DAY_MS;
const ALL = 1_000_000;

/**
 * Which sessions to learn now: those first that their agent will soon delete, then the newest. Whether each is really
 * due its claim decides.
 */
export async function dueSessions(
  { sessions, clock }: Pick<LookDeps, "sessions" | "clock">,
  query: DueQuery,
): Promise<readonly SessionRow[]> {
  const { space, agents, since = 0, limit, project, isAnyAge = false } = query;
  const nowMs = clock.nowMs();
  const verdicts = [
    ...OPEN,
    ...(isAnyAge ? (["too_old"] as const) : []),
    ...(!query.includeHeadless ? [] : (["headless"] as const)),
  ];
  const rows = await sessions.list({ space, verdicts, limit: ALL, ...(agents ? { agents } : {}) });
  const exclusions = await sessions.exclusions();
  const failing = new Map((await sessions.jobs()).map((job) => [job.job_key, job]));
  const isOpen = (row: SessionRow) => {
    if (row.changedAt < since || isExcluded(row, exclusions)) return false;
    if (project !== undefined && !isOf(row, project)) return false;
    const job = failing.get(space === "global" ? row.key : `${space}/${row.key}`);
    const waits = (job?.retry_at ?? 0) * 1000 > nowMs && (job?.input_watermark ?? 0) >= row.updatedAt;
    return !waits && (row.verdictUntil ?? 0) <= nowMs;
  };
  const goneAt = ({ agent, changedAt }: SessionRow) => {
    const days = query.retentionDays.get(agent) ?? null;
    const at = days === null ? Number.POSITIVE_INFINITY : changedAt + days * DAY_MS;
    return at < nowMs + SOON_MS ? at : Number.POSITIVE_INFINITY;
  };
  return rows
    .filter(isOpen)
    .sort((a, b) => compare(goneAt(a), goneAt(b)) || b.changedAt - a.changedAt)
    .slice(0, limit);
}

function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** A session that nobody has read yet may be of any folder: its run finds out. */
function isOf(
  row: SessionRow,
  { folder, id }: { readonly folder: string; readonly id: string | null },
): boolean {
  if (row.cwd === null) return true;
  return row.cwd === folder || row.cwd.startsWith(`${folder}/`) || (id !== null && row.project === id);
}
