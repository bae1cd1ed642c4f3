import { fromPromise } from "xstate";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { LearnRunInput, LocateAnswer, Skip } from "../domain/phase1.ts";
import {
  isExcluded,
  NO_FACTS,
  type SessionFacts,
  type SessionRow,
  type SessionVerdict,
} from "../domain/session.ts";
import { isOwnSession } from "../transcripts/index.ts";
import type { SessionFile, TranscriptFile } from "../transcripts/reader.ts";
import type { LearningDeps, RunCache } from "./run-cache.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * Finds the session's file again, which its agent may have renamed, packed or removed, and says whether it is to be read.
 * What a person asked for by name is read whatever its age.
 */
export function locateSession(deps: LearningDeps, cache: RunCache) {
  return fromPromise<LocateAnswer, LearnRunInput & { force: boolean }>(({ input }) =>
    locate(deps, cache, input),
  );
}

export async function locate(
  deps: LearningDeps,
  cache: RunCache,
  { space, key, force }: { readonly space: string; readonly key: string; readonly force: boolean },
): Promise<LocateAnswer> {
  const { sessions, home, settings, clock } = deps;
  let session: SessionFile;
  try {
    const found = await findSession(deps, space, key);
    cache.keepSession(found.session, found.facts);
    session = found.session;
  } catch (error) {
    if (codeOf(error) === "session_gone") return skip("gone");
    throw error;
  }
  if (isExcluded(session, await sessions.exclusions())) return skip("excluded");
  if (isOwnSession(session.cwd, [home])) return skip("own");
  if (session.kind === "helper" || session.parent !== null) return skip("subagent");
  if (force) return { kind: "found", fingerprint: session.fingerprint };
  if (session.headless === true && !settings.includeHeadless) return skip("headless");
  const wait = ageOf(session.saidAt ?? session.changedAt, deps, clock.nowMs());
  return wait ?? { kind: "found", fingerprint: session.fingerprint };
}

/** Too young or too old to be read, by its last word; null when neither. */
export function ageOf(
  saidAt: number,
  { settings }: Pick<LearningDeps, "settings">,
  nowMs: number,
): Skip | null {
  const { idleMinutes, maxAgeDays } = settings;
  const idleAt = saidAt + idleMinutes * MINUTE_MS;
  if (idleAt > nowMs) return skip("not_idle", idleAt);
  return maxAgeDays !== null && saidAt < nowMs - maxAgeDays * DAY_MS ? skip("too_old") : null;
}

/** The session by its row: at its path, or wherever its agent keeps it now. */
export async function findSession(
  deps: LearningDeps,
  space: string,
  key: string,
): Promise<{ readonly session: SessionFile; readonly facts: SessionFacts }> {
  const row = await deps.sessions.read(space, key);
  const reader = row === null ? undefined : deps.readers[row.agent];
  if (row === null || reader === undefined) throw gone();
  const seen = deps.found(row.agent, key) ?? (await lookFor(deps, row));
  const session = await reader.describe(seen).catch(async (error: unknown) => {
    if (codeOf(error) !== "session_gone") throw error;
    return reader.describe(await lookFor(deps, row));
  });
  const project = session.cwd === null ? null : await deps.projectOf(session.cwd);
  return { session, facts: factsOf(session, project?.id ?? null) };
}

function factsOf(session: SessionFile, project: string | null): SessionFacts {
  const { saidAt, firstAt, cwd, branch, version, headless, parent } = session;
  return { ...NO_FACTS, saidAt, firstAt, cwd, project, branch, version, headless, parent };
}

async function lookFor({ readers }: LearningDeps, row: SessionRow): Promise<TranscriptFile> {
  let longest: TranscriptFile | null = null;
  for await (const file of readers[row.agent]?.list(row.root) ?? []) {
    if (file.key === row.key && file.bytes >= (longest?.bytes ?? 0)) longest = file;
  }
  if (longest === null) throw gone();
  return longest;
}

function gone(): SlowwaveError {
  return new SlowwaveError("session_gone", "The session's file is gone; its agent may have deleted it.");
}

function skip(verdict: SessionVerdict, until: number | null = null): Skip {
  return { kind: "skip", verdict, until };
}
