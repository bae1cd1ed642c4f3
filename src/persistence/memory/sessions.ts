import type { ConnectionStore } from "../../domain/connection.ts";
import {
  applyFailure,
  applyRelease,
  applySuccess,
  applyTakeover,
  isHeldUnder,
  isLeaseAlive,
  type JobRow,
  type Lease,
  owns,
} from "../../domain/job.ts";
import { changeOf, type Stage1Output } from "../../domain/memory.ts";
import {
  claimedSession,
  jobKeyOf,
  type ProjectStore,
  type SessionClaim,
  type SessionClaimOutcome,
  type SessionRow,
  type SessionStore,
  sessionRefusal,
  sighted,
} from "../../domain/session.ts";
import { acceptRecords } from "../../import/record.ts";
import { enqueueIn, memoryJobs } from "./jobs.ts";
import { forgetSession, isRefusedIn } from "./memories.ts";
import { byBytes, emptyFleet, type MemoryWorld } from "./world.ts";

export function memorySessions(world: MemoryWorld, storeNowMs: () => number): SessionStore {
  const { sessions, sessionJobs, evidence } = world;
  const { renew, takeOver, release } = memoryJobs({
    ...world,
    jobs: sessionJobs,
    before: new Map(),
    dueSince: new Map(),
    fleet: emptyFleet(),
  });
  return {
    sight: async (space, seen, nowMs) => {
      let forgotten = 0;
      for (const sighting of seen) {
        if (isRefusedIn(world, space, sighting.key)) {
          forgotten += 1;
          continue;
        }
        const name = jobKeyOf(space, sighting.key);
        const row = sighted(sessions.get(name) ?? null, space, sighting, nowMs);
        if (row !== null) sessions.set(name, row);
      }
      return { forgotten };
    },
    read: async (space, key) => sessions.get(jobKeyOf(space, key)) ?? null,
    list: async ({ space, agents, verdicts, after, limit }) =>
      [...sessions.values()]
        .filter((row) => row.space === space && (agents?.includes(row.agent) ?? true))
        .filter(({ verdict }) => verdicts?.includes(verdict) ?? true)
        .filter((row) => after === undefined || newestFirst(after, row) < 0)
        .sort(newestFirst)
        .slice(0, limit),
    spaces: async (limit) =>
      [...new Set([...sessions.values()].map(({ space }) => space))].sort(byBytes).slice(0, limit),
    count: async (space) => {
      const counts: Record<string, number> = {};
      for (const row of sessions.values())
        if (row.space === space) counts[row.verdict] = (counts[row.verdict] ?? 0) + 1;
      return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
    },
    claim: async (request) => claimIn(world, request),
    renew,
    takeOver,
    release,
    ...sessionEnds(world, storeNowMs),
    job: async (space, key) => sessionJobs.get(jobKeyOf(space, key)) ?? null,
    jobs: async () =>
      [...sessionJobs.values()]
        .filter(({ status }) => status === "running" || status === "error")
        .sort((a, b) => (a.job_key < b.job_key ? -1 : 1)),
    evidence: async (space, key) =>
      [...(evidence.get(jobKeyOf(space, key)) ?? [])].sort((a, b) => a.position - b.position),
    ...exclusionsIn(world),
  };
}

function newestFirst(
  a: Pick<SessionRow, "changedAt" | "key">,
  b: Pick<SessionRow, "changedAt" | "key">,
): number {
  return b.changedAt - a.changedAt || byBytes(a.key, b.key);
}

function claimIn(world: MemoryWorld, request: SessionClaim): SessionClaimOutcome {
  const { space, key, nowMs } = request;
  const { sessionJobs } = world;
  const given = (next: JobRow): SessionClaimOutcome => {
    sessionJobs.set(next.job_key, next);
    return { kind: "claimed", fence: next.fence, watermark: next.input_watermark ?? 0 };
  };
  const row = sessionJobs.get(jobKeyOf(space, key)) ?? null;
  if (isHeldUnder(row, request.token)) return given(applyTakeover(row, request));
  if (isRefusedIn(world, space, key)) return { kind: "skipped", why: "forgotten" };
  const session = world.sessions.get(jobKeyOf(space, key));
  if (session === undefined) return { kind: "skipped", why: "unknown" };
  const noteAt = world.outputs.get(space)?.get(key)?.sourceUpdatedAt ?? null;
  const now = Math.floor(nowMs / 1000);
  const live = [...sessionJobs.values()].filter((one) => isLeaseAlive(one, now)).length;
  const why = sessionRefusal(row, session, { noteAt, live }, request);
  return why === null ? given(claimedSession(row, session.updatedAt, request)) : { kind: "skipped", why };
}

function sessionEnds(
  world: MemoryWorld,
  storeNowMs: () => number,
): Pick<SessionStore, "fail" | "skip" | "record"> {
  const { sessions, sessionJobs } = world;

  function change(space: string, key: string, some: Partial<SessionRow>): void {
    const row = sessions.get(jobKeyOf(space, key));
    if (row !== undefined) sessions.set(jobKeyOf(space, key), { ...row, ...some });
  }

  /** Null: it is settled now; else what an earlier settlement under the token was. */
  function settleJob(
    lease: Lease,
    outcome: string,
    nowMs: number,
    next: (row: JobRow) => JobRow,
  ): "already" | "lost" | null {
    const { space, token } = lease;
    const trace = JSON.stringify([space, token]);
    const row = sessionJobs.get(space) ?? null;
    if (!owns(row, lease)) return world.settlements.get(trace) === outcome ? "already" : "lost";
    sessionJobs.set(space, next(row));
    world.settlements.set(trace, outcome);
    world.settledAt.set(trace, { space, atMs: nowMs });
    return null;
  }

  return {
    fail: async ({ space, key, verdict, ...by }) => {
      const earlier = settleJob(by.lease, "failed", by.nowMs, (row) => applyFailure(row, by));
      if (earlier !== null) return earlier;
      change(space, key, { verdict, verdictUntil: null, verdictAt: by.nowMs });
      return "applied";
    },
    skip: async ({ lease, space, key, verdict, verdictUntil, facts, nowMs }) => {
      const earlier = settleJob(lease, "released", nowMs, (row) => applyRelease(row, verdict));
      if (earlier !== null) return earlier;
      change(space, key, { ...facts, verdict, verdictUntil, verdictAt: nowMs });
      return "applied";
    },
    record: async ({ lease, space, key, note, noteHash, verdict, facts, evidence, nowMs }) => {
      const { records } = await acceptRecords(note === null ? [] : [note]);
      const done = (row: JobRow) => applySuccess(row, { watermark: row.input_watermark ?? 0, nowMs });
      const earlier = settleJob(lease, "succeeded", nowMs, done);
      if (earlier !== null) return earlier;
      if (isRefusedIn(world, space, key)) {
        forgetSession(world, space, key);
        return "forgotten";
      }
      const saidAt = facts.saidAt ?? nowMs;
      keepNote(world, { space, key, note: records[0] ?? null, saidAt }, storeNowMs());
      change(space, key, { ...facts, verdict, verdictUntil: null, verdictAt: nowMs, noteHash });
      world.evidence.set(jobKeyOf(space, key), structuredClone(evidence));
      return "applied";
    },
  };
}

/** Phase 2 is enqueued where that changed anything. */
function keepNote(
  world: MemoryWorld,
  { space, key, note, saidAt }: { space: string; key: string; note: Stage1Output | null; saidAt: number },
  nowMs: number,
): void {
  const { outputs } = world;
  const notes = outputs.get(space) ?? new Map<string, Stage1Output>();
  outputs.set(space, notes);
  const isUnchanged = note === null ? !notes.delete(key) : changeOf(notes.get(key), note) === "unchanged";
  if (isUnchanged) return;
  if (note !== null) notes.set(key, { ...note });
  const seconds = note?.sourceUpdatedAt ?? Math.floor(saidAt / 1000);
  enqueueIn(world, space, seconds, nowMs);
}

function exclusionsIn({
  exclusions,
  sources,
}: MemoryWorld): Pick<SessionStore, "exclude" | "include" | "exclusions" | "keepSource" | "sources"> {
  return {
    exclude: async (pattern, nowMs) => {
      if (!exclusions.has(pattern)) exclusions.set(pattern, { pattern, at: nowMs });
    },
    include: async (pattern) => exclusions.delete(pattern),
    exclusions: async () => [...exclusions.values()].sort((a, b) => (a.pattern < b.pattern ? -1 : 1)),
    keepSource: async (source) => void sources.set(JSON.stringify([source.agent, source.root]), source),
    sources: async () => [...sources.values()].sort((a, b) => (a.agent + a.root < b.agent + b.root ? -1 : 1)),
  };
}

export function memoryProjects({
  projects,
  projectPaths,
  sessions,
}: Pick<MemoryWorld, "projects" | "projectPaths" | "sessions">): ProjectStore {
  return {
    list: async () => [...projects.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    ofPath: async (path) => projects.get(projectPaths.get(path) ?? "") ?? null,
    pathsOf: async (project) =>
      [...projectPaths].flatMap(([path, of]) => (of === project ? [path] : [])).sort(),
    keep: async (path, project, _, same = []) => {
      const known = projects.get(project.id);
      projects.set(project.id, {
        ...project,
        commonDir: project.commonDir ?? known?.commonDir ?? null,
        rootCommit: project.rootCommit ?? known?.rootCommit ?? null,
        remote: project.remote ?? known?.remote ?? null,
      });
      projectPaths.set(path, project.id);
      for (const other of same.filter((id) => id !== project.id)) {
        for (const [one, of] of projectPaths) if (of === other) projectPaths.set(one, project.id);
        for (const [name, row] of sessions)
          if (row.project === other) sessions.set(name, { ...row, project: project.id });
        projects.delete(other);
      }
    },
  };
}

export function memoryConnections({ connections }: Pick<MemoryWorld, "connections">): ConnectionStore {
  return {
    list: async () =>
      [...connections.values()].sort(
        (a, b) => compare(a.agent, b.agent) || compare(a.path, b.path) || compare(a.id, b.id),
      ),
    save: async (connection) => void connections.set(connection.id, { ...connection }),
    remove: async (id) => void connections.delete(id),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
