import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { isDirty, type JobStore, type Lease } from "../domain/job.ts";
import { isNote, type MemoryStore, type SetAside, type Stage1Output } from "../domain/memory.ts";
import type { LocalStore, Locks } from "../domain/ports.ts";
import type { SessionStore } from "../domain/session.ts";
import type { Files } from "../files/folder.ts";
import { acceptRecords, cleanRecords, judgeRecord } from "../import/record.ts";
import { pathText } from "../text/sanitize.ts";
import { demandGit, resetBaseline } from "./baseline.ts";
import type { CodexHome } from "./home.ts";
import { CodexLock } from "./lock.ts";
import { readNotes } from "./notes.ts";
import { type CodexJob, type CodexOutput, type CodexStage1, CodexTables } from "./tables.ts";

export interface CodexStoreDeps {
  readonly clock: Clock;
  readonly files: Files;
  /** PATH, for `flock` and `git`. */
  readonly path: string | undefined;
}

/** The one memory of a Codex home. */
export const CODEX_SPACE = "global";

/** Rows that one selection of our own store may give. */
const MOST_ROWS = 4_096;

/**
 * A store of ours that consolidates in the place of Codex. Runs, generations and what a run consolidated stay in `inner`;
 * the outputs come from Codex's rows, and whoever holds the job holds Codex's job and lock, too, so that a Codex that
 * starts meanwhile skips its own run (`codex-home.md` section 7). When a run has succeeded, rows, marks and baseline are
 * as Codex leaves them.
 */
export function codexStore(inner: LocalStore, home: CodexHome, deps: CodexStoreDeps): LocalStore {
  const shared = new Shared(inner, home, deps);
  return {
    ...inner,
    jobs: { ...inner.jobs, ...codexJobs(shared) },
    memories: { ...inner.memories, ...codexMemories(shared) },
    locks: codexLocks(shared),
    sessions: { ...inner.sessions, ...codexSessions(shared) },
    async close() {
      await shared.lock.drop("job");
      shared.tables.close();
      await inner.close();
    },
  };
}

class Shared {
  readonly inner: LocalStore;
  readonly home: CodexHome;
  readonly deps: CodexStoreDeps;
  readonly tables: CodexTables;
  readonly lock: CodexLock;
  /** Codex's row before our claim; null when this process did not claim it. */
  before: { readonly token: string; readonly row: CodexJob | null } | null = null;
  setAside: readonly SetAside[] = [];
  /** A session was purged under the claim that is held: the baseline still has its words. */
  hasForgotten = false;

  constructor(inner: LocalStore, home: CodexHome, deps: CodexStoreDeps) {
    this.inner = inner;
    this.home = home;
    this.deps = deps;
    this.tables = new CodexTables(home);
    this.lock = new CodexLock(home.lockFile, deps.path);
  }

  get nowSeconds(): number {
    return Math.floor(this.deps.clock.nowMs() / 1000);
  }

  giveBack(token: string): void {
    this.tables.release(token, this.before?.token === token ? this.before.row : null);
    this.before = null;
  }
}

function codexJobs(
  shared: Shared,
): Pick<JobStore, "claim" | "renew" | "takeOver" | "succeed" | "fail" | "failUnowned" | "release"> {
  const { inner, tables, lock } = shared;
  return {
    async claim(request) {
      await demandGit(shared.deps.path);
      if (!(await lock.take("job"))) return { kind: "skipped", why: "running" };
      try {
        const { token, worker, leaseSeconds, force } = request;
        const nowSeconds = shared.nowSeconds;
        const theirs = tables.claim({ token, worker, leaseSeconds, force, nowSeconds });
        if (typeof theirs === "string") {
          await lock.drop("job");
          return { kind: "skipped", why: theirs };
        }
        if (theirs.isNew) {
          shared.before = { token, row: theirs.before };
          await takeIn(shared);
        }
        const outcome = await inner.jobs.claim(request);
        if (outcome.kind === "claimed") return outcome;
        shared.giveBack(token);
        await lock.drop("job");
        return outcome;
      } catch (error) {
        shared.giveBack(request.token);
        await lock.drop("job");
        throw error;
      }
    },
    async renew(leases, times) {
      const isLost = ({ token }: Lease) =>
        !lock.isHeld || !tables.renew(token, shared.nowSeconds + times.leaseSeconds);
      const stolen = leases.filter(isLost).map(({ space }) => space);
      const { lost } = await inner.jobs.renew(leases, times);
      return { lost: [...new Set([...lost, ...stolen])] };
    },
    async takeOver(request) {
      const isOurs =
        (await lock.take("job")) && tables.renew(request.token, shared.nowSeconds + request.leaseSeconds);
      return isOurs ? inner.jobs.takeOver(request) : null;
    },
    async succeed(settlement) {
      const { token } = settlement.lease;
      if (lock.isHeld && tables.renew(token, (tables.job()?.lease_until ?? 0) as number)) {
        await resetBaseline(shared.home.root, shared.deps);
        const consolidated = (await lastInputs(inner)).filter((input) => !isNote(input));
        const { watermark } = settlement;
        const nowSeconds = shared.nowSeconds;
        if (tables.succeed({ token, watermark, consolidated, nowSeconds }) === "lost") return "lost";
      } else if (tables.job()?.ownership_token !== token) return "lost";
      const outcome = await inner.jobs.succeed(settlement);
      await lock.drop("job");
      return outcome;
    },
    async fail(settlement) {
      const { reason, retryDelaySeconds, lease } = settlement;
      const nowSeconds = shared.nowSeconds;
      tables.fail({
        token: lease.token,
        reason,
        retryAt: nowSeconds + Math.ceil(retryDelaySeconds),
        nowSeconds,
      });
      const outcome = await inner.jobs.fail(settlement);
      await lock.drop("job");
      return outcome;
    },
    async failUnowned(settlement) {
      const outcome = await inner.jobs.failUnowned(settlement);
      await lock.drop("job");
      return outcome;
    },
    async release(settlement) {
      if (shared.hasForgotten) await resetBaseline(shared.home.root, shared.deps);
      shared.hasForgotten = false;
      shared.giveBack(settlement.lease.token);
      const outcome = await inner.jobs.release(settlement);
      await lock.drop("job");
      return outcome;
    },
  };
}

function codexMemories(shared: Shared): Pick<MemoryStore, "upsert" | "select" | "setAside" | "forget"> {
  const { inner, tables } = shared;
  return {
    /** Codex keeps outputs of sessions that it knows alone; each goes into its tables first. */
    async upsert(space, inputs) {
      const { records } = await acceptRecords(inputs);
      for (const record of records) keepForCodex(shared, record);
      return inner.memories.upsert(space, inputs);
    },
    /** In the order of Codex's own file: by thread id. Notes may take half of the places, the newest first. */
    async select(space, limit) {
      const all = await inner.memories.select(space, MOST_ROWS);
      const notes = all.filter(isNote).slice(0, Math.ceil(limit / 2));
      const rows = tables.selection(shared.nowSeconds, limit - notes.length);
      const wanted = new Set(rows.map(({ thread_id }) => thread_id));
      return [...notes, ...all.filter(({ threadId }) => wanted.has(threadId))].sort(byThread);
    },
    async setAside(space) {
      return [...(await inner.memories.setAside(space)), ...shared.setAside];
    },
    async forget(threadId, lease) {
      const outcome = await inner.memories.forget(threadId, lease);
      if (outcome === "applied") {
        tables.forget(threadId);
        shared.hasForgotten = true;
      }
      return outcome;
    },
  };
}

/** What we learned of a session goes into Codex's tables first. A note that Codex made itself, of the same time or later, stays. */
function codexSessions(shared: Shared): Pick<SessionStore, "record"> {
  return {
    async record(settlement) {
      if (settlement.note !== null) keepForCodex(shared, settlement.note);
      return shared.inner.sessions.record(settlement);
    },
  };
}

/** Whoever changes the memory folder holds Codex's lock, too. */
function codexLocks({ inner, lock }: Shared): Locks {
  return {
    async lock(name) {
      if (!name.startsWith("root:")) return inner.locks.lock(name);
      if (!(await lock.take(name))) return null;
      const ours = await inner.locks.lock(name).catch(async (error: unknown) => {
        await lock.drop(name);
        throw error;
      });
      if (ours === null) await lock.drop(name);
      return (
        ours && {
          async unlock() {
            await ours.unlock();
            await lock.drop(name);
          },
        }
      );
    },
  };
}

/**
 * Takes Codex's rows in through the one door of records: checked, normalised, and freed of the secrets that Codex leaves in
 * them; what that changes is written back to its rows, and rows of purged sessions go there, too. The space becomes due
 * when Codex would consolidate something else than last time.
 */
async function takeIn(shared: Shared): Promise<void> {
  const { inner, tables } = shared;
  const refusedNotes = await takeInNotes(shared);
  const rows = tables.selection(shared.nowSeconds);
  const judged = rows.map((row) => ({ row, verdict: judgeRecord(row, "snake") }));
  const refusedRows = judged.flatMap(({ row, verdict }) =>
    "record" in verdict ? [] : [{ threadId: row.thread_id, code: verdict.code, message: verdict.message }],
  );
  shared.setAside = [...refusedNotes, ...refusedRows];
  const taken = judged.flatMap(({ row, verdict }) =>
    "record" in verdict ? [{ row, record: verdict.record }] : [],
  );
  const { records } = await cleanRecords(taken.map(({ record }) => record));
  for (const [at, { rawMemory, rolloutSummary }] of records.entries()) {
    const row = taken[at]?.row as CodexOutput;
    if (row.raw_memory !== rawMemory || row.rollout_summary !== rolloutSummary)
      tables.replaceTexts({ ...row, raw_memory: rawMemory, rollout_summary: rolloutSummary });
  }
  await inner.memories.upsert(CODEX_SPACE, records);
  const kept = new Set((await inner.memories.select(CODEX_SPACE, MOST_ROWS)).map(({ threadId }) => threadId));
  for (const { row } of taken) if (!kept.has(row.thread_id)) tables.forget(row.thread_id);
  const chosen = rows.filter(({ thread_id }) => kept.has(thread_id));
  const job = await inner.jobs.read(CODEX_SPACE);
  if (tables.isConsolidated(chosen) || (job !== null && isDirty(job))) return;
  await inner.jobs.enqueue(CODEX_SPACE, Math.max(0, ...chosen.map((row) => row.source_updated_at)));
}

/**
 * Takes the notes beside Codex's memory in through the same door. One that was changed counts as newer than it was, and one
 * that is gone is withdrawn. The files stay as they are: they are the person's. Returns those that were refused.
 */
async function takeInNotes({ inner, home, deps, nowSeconds }: Shared): Promise<readonly SetAside[]> {
  const notes = await readNotes(home.root, { files: deps.files, nowSeconds });
  const known = (await inner.memories.select(CODEX_SPACE, MOST_ROWS)).filter(isNote);
  const refused: SetAside[] = [];
  const taken: Stage1Output[] = [];
  for (const note of notes) {
    const verdict = judgeRecord(note, "snake");
    if ("record" in verdict) taken.push(verdict.record);
    else refused.push({ threadId: note.thread_id, code: verdict.code, message: verdict.message });
  }
  const { records } = await cleanRecords(taken);
  const changed = await Promise.all(records.map((record) => changedNote(inner, record)));
  await inner.memories.upsert(
    CODEX_SPACE,
    changed.filter((record) => record !== null),
  );
  const there = new Set(records.map(({ threadId }) => threadId));
  for (const { threadId } of known)
    if (!there.has(threadId)) await inner.memories.withdraw(CODEX_SPACE, threadId);
  return refused;
}

/** Null where its text is the one that is stored. A newer time than the stored one, whatever the file's says. */
async function changedNote({ memories }: LocalStore, record: Stage1Output): Promise<Stage1Output | null> {
  const [stored] = await memories.versionsOf(CODEX_SPACE, record.threadId);
  if (stored === undefined) return record;
  if (stored.rolloutSummary === record.rolloutSummary) return null;
  return { ...record, sourceUpdatedAt: Math.max(record.sourceUpdatedAt, stored.sourceUpdatedAt + 1) };
}

/** In its second version Codex keeps the summary alone, and cuts it at so many bytes. */
const SUMMARY_BYTES = 9_000;

function keepForCodex({ tables, home, nowSeconds }: Shared, record: Stage1Output): void {
  const outcome = tables.record(rowOf(record, home.version), nowSeconds);
  if (outcome === "unknown" || outcome === "running") throw refusedThread(record.threadId, outcome);
}

function rowOf(record: Stage1Output, version: CodexHome["version"]): CodexStage1 {
  const { threadId, sourceUpdatedAt, rawMemory, rolloutSummary, rolloutSlug, generatedAt } = record;
  const text = rolloutSummary.trim() === "" ? rawMemory : rolloutSummary;
  const cut = Buffer.from(text)
    .subarray(0, SUMMARY_BYTES)
    .toString()
    .replace(/\u{fffd}+$/u, "");
  return {
    thread_id: threadId,
    source_updated_at: sourceUpdatedAt,
    raw_memory: version === "v1" ? rawMemory : "",
    rollout_summary: version === "v1" ? rolloutSummary : cut,
    rollout_slug: rolloutSlug,
    generated_at: generatedAt,
  };
}

function refusedThread(threadId: string, why: "unknown" | "running"): SlowwaveError {
  const id = pathText(threadId);
  return why === "unknown"
    ? new SlowwaveError(
        "codex_thread_unknown",
        `Codex knows no session "${id}" here, or was told to remember nothing of it; a Codex home takes notes of its own sessions alone.`,
      )
    : new SlowwaveError("store_busy", `Codex is learning the session "${id}" at this moment; try again.`);
}

async function lastInputs(inner: LocalStore): Promise<readonly Stage1Output[]> {
  const [run] = await inner.runs.list({ space: CODEX_SPACE, limit: 1 });
  return run === undefined ? [] : inner.memories.inputsOf(run.id);
}

function byThread(a: Stage1Output, b: Stage1Output): number {
  return a.threadId < b.threadId ? -1 : 1;
}
