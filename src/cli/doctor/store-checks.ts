import { existsSync, statfsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { causeOf } from "../../domain/failure.ts";
import { isDirty, isLeaseAlive, isRetryUnexplained, type JobRow, tokenHeldBy } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import type { RunRecord } from "../../domain/run.ts";
import { findOrphans } from "../../internal/agents.ts";
import { rowBeforeKilledControl } from "../../internal/runs.ts";
import { choicesFrom } from "../settings.ts";
import type { Invocation } from "../shell.ts";
import { about, counted, quoted } from "../ui/format.ts";
import { type Check, failure, fine, type Patient, warning } from "./check.ts";

/** Every page of the database, read through a connection that cannot write. */
export function checkStore({ places: { database } }: Pick<Invocation, "places">, free = freeBytes): Check {
  if (!existsSync(database)) return fine("store", `${database} is not there yet`);
  try {
    const db = new Database(database, { readonly: true, fileMustExist: true, timeout: 5_000 });
    try {
      const verdict = String(db.pragma("quick_check(1)", { simple: true }));
      const version = String(db.pragma("user_version", { simple: true }));
      const mode = String(db.pragma("journal_mode", { simple: true }));
      return verdict === "ok"
        ? wholeStore(database, `schema ${version}, ${mode}`)
        : damaged(database, verdict);
    } finally {
      db.close();
    }
  } catch (error) {
    return unreadable(database, error, free);
  }
}

/** Its mode is left as somebody made it, which may be on purpose; the log and its index take it over. */
function wholeStore(database: string, form: string): Check {
  const isOpenToOthers = process.platform !== "win32" && (statSync(database).mode & 0o077) !== 0;
  const message = `${database} is whole (${form})`;
  return isOpenToOthers
    ? warning("store", `${message}, and others may read it`, `chmod 600 ${quoted(database)}`)
    : fine("store", message);
}

const LITTLE_BYTES = 1024 ** 2;

/** A file that can't be opened is not damaged for that: nothing may be moved away which a little room would bring back. */
function unreadable(database: string, error: unknown, free: typeof freeBytes): Check {
  const why = causeOf(error);
  if (free(database) < LITTLE_BYTES) {
    return failure(
      "store",
      `${database}: ${why}; the disk is full: free some space, the database itself is not damaged`,
    );
  }
  const code = String((error as { code?: unknown }).code);
  return /^SQLITE_(?:CORRUPT|NOTADB)/.test(code)
    ? damaged(database, why)
    : failure(
        "store",
        `${database}: ${why}; check the disk and its permissions, and leave the file where it is`,
      );
}

/** Its log and index belong to it: beside a new database they would spoil that one. */
function damaged(database: string, why: string): Check {
  const files = [database, `${database}-wal`, `${database}-shm`]
    .filter((file) => existsSync(file))
    .map(quoted);
  const aside = quoted(`${database}.damaged`);
  return failure("store", `${database}: ${why}`, `mkdir ${aside} && mv ${files.join(" ")} ${aside}/`);
}

function freeBytes(database: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(database));
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

const MOST_NAMED = 5;

/** Stored sessions that no run can use, since another program wrote them: which, and the command that removes each. */
export async function checkInputs({ store }: Patient): Promise<readonly Check[]> {
  if (store === null) return [];
  const checks: Check[] = [];
  for (const space of await store.memories.spaces()) {
    const all = `slowwave purge --set-aside --space ${quoted(space)}`;
    const setAside = await store.memories.setAside(space);
    for (const { threadId, message } of setAside.slice(0, MOST_NAMED)) {
      // A NUL can't be typed.
      const remove = threadId.includes("\0") ? all : `slowwave purge ${quoted(threadId)}`;
      checks.push(warning("inputs", `space ${space}, thread ${threadId}: ${message}`, remove));
    }
    const more = setAside.length - MOST_NAMED;
    if (more > 0)
      checks.push(warning("inputs", `space ${space}: ${counted(more, "more session")} can't be used`, all));
  }
  return checks.length > 0 ? checks : [fine("inputs", "every stored session can be used")];
}

/** Jobs that are held, by whom, and whether that one lives. */
export async function checkJobs({ at, store }: Patient): Promise<readonly Check[]> {
  const running = ((await store?.jobs.list()) ?? []).filter(({ status }) => status === "running");
  if (store === null || running.length === 0) return [fine("lease", "no job is held")];
  const now = Math.floor(at.world.nowMs() / 1000);
  return Promise.all(
    running.map(async (job) => {
      const owner = job.worker_id === null ? "unknown" : await store.owners.probe(job.worker_id);
      const left = about(Math.max(0, (job.lease_until ?? 0) - now));
      const text = `space ${job.job_key} is held by ${job.worker_id} (${owner}), lease ${left}`;
      if (owner === "dead") return warning("lease", text, await repairOf(store, job));
      return isLeaseAlive(job, now)
        ? fine("lease", text)
        : warning("lease", `${text}: it ran out`, "slowwave run");
    }),
  );
}

/** Retries that a jump of the clock has put off: nothing would be tried until then, and nobody told why. */
export async function checkRetries({ at, store }: Patient): Promise<readonly Check[]> {
  const now = Math.floor(at.world.nowMs() / 1000);
  const { retryDelaySeconds } = choicesFrom({}, at.world.env, at.places.configFile).settings;
  return ((await store?.jobs.list()) ?? [])
    .filter((job) => isDirty(job) && isRetryUnexplained(job, retryDelaySeconds, now))
    .map(({ job_key, retry_at }) =>
      warning(
        "retry",
        `space ${job_key} is tried again only in ${about((retry_at ?? now) - now)}, which a delay of ${about(retryDelaySeconds)} does not explain: the clock jumped, or the delay was longer then`,
        `slowwave run --now --space ${quoted(job_key)}`,
      ),
    );
}

/** A run is continued, and what an apply or purge left is given back; of another program only the lease is known. */
async function repairOf(store: Store, job: JobRow): Promise<string> {
  const [run] = await store.runs.list({ space: job.job_key, state: "active", limit: 1 });
  const isOurs = run !== undefined || (await rowBeforeKilledControl(store, job)) !== null;
  return isOurs ? "slowwave recover" : "slowwave run, when the lease is over";
}

const LOOKED_AT = 100;

/** Unfinished runs whose process is dead, and runs nobody can interpret. */
export async function checkRuns({ store }: Patient): Promise<readonly Check[]> {
  if (store === null) return [fine("runs", "no runs yet")];
  const active = await store.runs.list({ state: "active", limit: LOOKED_AT });
  const owners = await Promise.all(active.map(({ owner }) => store.owners.probe(owner)));
  const left = active.filter((_, at) => owners[at] === "dead");
  const unseen = active.filter((_, at) => owners[at] === "unknown");
  const parked: RunRecord[] = [];
  for (const run of await store.runs.list({ state: "parked", limit: LOOKED_AT })) {
    if (tokenHeldBy(run, await store.jobs.read(run.space)) !== null) parked.push(run);
  }
  const found = [
    ...left.map(({ id, space }) =>
      warning("runs", `run ${id} of space ${space} was left by a process that died`, "slowwave recover"),
    ),
    ...unseen.map(({ id, space }) =>
      warning("runs", `the process of run ${id} of space ${space} cannot be seen from here`),
    ),
    ...parked.map(({ id, parked }) =>
      warning("runs", `run ${id} is parked: ${parked}`, `slowwave cancel ${id}`),
    ),
  ];
  return found.length > 0 ? found : [fine("runs", `${active.length} at work, none left behind`)];
}

/** Staging without a run, and lock files of processes that died (looking at those removes them). */
export async function checkLeftovers({ at, store }: Patient): Promise<readonly Check[]> {
  const { home } = at.places;
  const found: Check[] = [];
  for (const run of await namesIn(join(home, "staging"))) {
    const record = await store?.runs.read(run);
    if (record?.state === "active") continue;
    const path = join(home, "staging", run);
    const living = await findOrphans(path);
    if (living.length > 0) {
      const pids = living.slice(0, 5).map(({ pid }) => pid);
      const message = `the agent of run ${run} is over but still lives (pid ${pids.join(", ")})`;
      found.push(warning("agent_left", message, "slowwave recover"));
    } else {
      // A run that this store does not know may be another store's.
      const mend = record == null ? `rm -r ${quoted(path)}` : "slowwave recover";
      found.push(warning("staging", `${path} belongs to no run that lives`, mend));
    }
  }
  const owners = (await namesIn(join(home, "owners"))).filter((name) => name.endsWith(".db"));
  const verdicts = await Promise.all(owners.map((name) => store?.owners.probe(name.slice(0, -".db".length))));
  const dead = verdicts.filter((verdict) => verdict === "dead").length;
  const alive = verdicts.filter((verdict) => verdict === "alive").length;
  return [
    ...(found.length > 0 ? found : [fine("staging", "nothing left behind")]),
    fine("owners", `${alive} alive${dead === 0 ? "" : `, ${dead} dead (cleared)`}`),
  ];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
