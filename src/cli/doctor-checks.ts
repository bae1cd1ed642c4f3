import { existsSync, statfsSync, statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { causeOf } from "../domain/failure.ts";
import { isUnchanged } from "../domain/generation.ts";
import {
  everyJob,
  isDirty,
  isLeaseAlive,
  isRetryUnexplained,
  type JobRow,
  type JobStatus,
  tokenHeldBy,
} from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import type { RunRecord } from "../domain/run.ts";
import { findOrphans } from "../internal/agents.ts";
import { systemClock } from "../internal/engine.ts";
import { nodeFiles } from "../internal/files.ts";
import { PHASE2_VERSION, phase2Machine } from "../internal/machine.ts";
import {
  aheadMessage,
  checkRoot,
  type Integrity,
  inspectGenerations,
  unknownGeneration,
} from "../internal/memory.ts";
import { rowBeforeAbandonedOperation } from "../internal/runs.ts";
import { type SandboxName, sandboxNamed } from "../internal/sandbox.ts";
import { findHomeCopy, homeCopyMessage, ownerOfFolder } from "../internal/store.ts";
import { agentNamed } from "./agents.ts";
import { choicesFrom } from "./settings.ts";
import type { Invocation } from "./shell.ts";
import { IN_DATABASE, memoryRoots, rootOf } from "./store.ts";
import { about, counted, quoted } from "./ui/text.ts";

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly verdict: "ok" | "warn" | "fail";
  readonly message: string;
  /** The command that mends it; null when there is nothing to mend, or no command does. */
  readonly mend: string | null;
}

/** What the checks look at; the store is null where nothing was ever kept. */
export interface Patient {
  readonly at: Invocation;
  readonly store: Store | null;
}

export function fine(name: string, message: string): Check {
  return { name, verdict: "ok", message, mend: null };
}

export function warning(name: string, message: string, mend: string | null = null): Check {
  return { name, verdict: "warn", message, mend };
}

export function failure(name: string, message: string, mend: string | null = null): Check {
  return { name, verdict: "fail", message, mend };
}

/** An older one never gets here: the entry refuses it. */
export function checkNode(): Check {
  return fine("node", `Node ${process.versions.node}`);
}

/** A few seconds are two clocks that differ; more is a clock that jumped. */
const TOLERANCE_MS = 60_000;

function jobsOf(store: Store | null, filter?: { readonly status: JobStatus }): AsyncIterable<JobRow> {
  return everyJob(store?.jobs ?? { list: async () => [] }, filter);
}

/** Whether something was written in what is now the future. */
export async function checkClock({ at, store }: Patient): Promise<Check> {
  const now = at.world.nowMs();
  const [newest] = (await store?.runs.list({ limit: 1 })) ?? [];
  let newestMs = newest?.updatedAtMs ?? 0;
  for await (const { started_at, finished_at } of jobsOf(store))
    newestMs = Math.max(newestMs, (started_at ?? 0) * 1000, (finished_at ?? 0) * 1000);
  if (newestMs <= now + TOLERANCE_MS) return fine("clock", new Date(now).toISOString());
  return warning(
    "clock",
    `something was written ${about((newestMs - now) / 1000)} from now: the clock went back`,
    "timedatectl status",
  );
}

/** Memories are private: nobody but the owner may read the home. */
export async function checkHome({ at }: Patient): Promise<Check> {
  const { home } = at.places;
  const found = await stat(home).catch(() => null);
  if (found === null) return fine("home", `${home} is not there yet; the first import or run makes it`);
  if (!found.isDirectory()) return failure("home", `${home} is not a folder`, "slowwave doctor --home DIR");
  const owner = await ownerOfFolder(home);
  if (owner !== null) {
    const names = `what ${owner.program} keeps (${owner.found.join(", ")})`;
    return owner.isOurs
      ? warning("home", `${home} is a home of Slowwave and holds ${names}: the two may write the same files`)
      : failure("home", `${home} is no home of Slowwave but holds ${names}`, "slowwave doctor --home DIR");
  }
  const copy = await findHomeCopy(home);
  if (copy !== null) return warning("home", homeCopyMessage(copy), "slowwave doctor --adopt-home");
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    return warning("home", `${home} can be read by others`, `chmod 700 ${quoted(home)}`);
  }
  return fine("home", home);
}

/** The sandbox for agents that bring none: tried with its network closed and open. Not every agent needs it. */
export async function checkSandbox({ at }: Patient): Promise<Check> {
  try {
    return await tried(choicesFrom({}, at.world.env, at.places.configFile).sandbox);
  } catch (error) {
    return failure("sandbox", causeOf(error));
  }
}

async function tried(wanted: SandboxName | undefined): Promise<Check> {
  if (wanted === "none") {
    return warning("sandbox", "none, by choice: the agent reads, writes and reaches all that you can");
  }
  const bubblewrap = sandboxNamed("bubblewrap");
  const [closed, open] = await Promise.all([bubblewrap.probe("none"), bubblewrap.probe("open")]);
  if ("missing" in open) return warning("sandbox", open.missing);
  const name = open.version === null ? "bubblewrap" : `bubblewrap ${open.version}`;
  return "missing" in closed
    ? warning("sandbox", `${name} holds, but can't close the network: ${closed.missing}`)
    : fine("sandbox", `${name} holds, with the network open and closed`);
}

/** The agent of the settings, and the sandbox it would run in. */
export async function checkAgent({ at }: Patient): Promise<Check> {
  try {
    const { agent, ...how } = choicesFrom({}, at.world.env, at.places.configFile);
    const runner = agentNamed(agent, how);
    const found = await runner.probe?.();
    if (found === undefined) return fine("agent", `${agent} is here`);
    return "missing" in found
      ? failure("agent", found.missing)
      : fine(
          "agent",
          `${agent} is here, sandbox ${found.sandbox}, network ${found.network ?? runner.network}`,
        );
  } catch (error) {
    return failure("agent", causeOf(error));
  }
}

const MEANING = {
  empty: "is empty yet",
  ours: "is ours",
  adoptable: "is not ours yet; the first run takes what is there as the first generation",
} as const;

/** The same test as before a claim. */
export async function checkMemoryRoot({ at, store }: Patient): Promise<readonly Check[]> {
  const { places } = at;
  const { space } = places;
  if (memoryRoots(places) === null) return [fine("memory root", IN_DATABASE)];
  const root = rootOf(places, space);
  const homeId = await readFile(join(places.home, "home-id"), "utf8").catch(() => "");
  const journal = (await store?.generations.openJournal(space)) ?? null;
  const open =
    journal === null
      ? []
      : [warning("memory root", `${root} was left in the middle of a publish`, "slowwave recover")];
  try {
    const state = await checkRoot({ root, homeId: homeId.trim(), space, files: nodeFiles() });
    const published =
      state === "empty" ? ((await store?.generations.current(space))?.manifest.length ?? 0) : 0;
    const generations = store?.generations;
    const at = { space, root, homeId: homeId.trim() };
    const ahead =
      generations === undefined ? null : await unknownGeneration({ generations, files: nodeFiles() }, at);
    if (ahead !== null) return [...open, warning("memory root", aheadMessage(root, ahead))];
    return [...open, published > 0 ? gone(root) : fine("memory root", `${root} ${MEANING[state]}`)];
  } catch (error) {
    return [...open, failure("memory root", causeOf(error))];
  }
}

/** The next run lays the memory out again, but only when there is something new. */
function gone(root: string): Check {
  return warning(
    "memory root",
    `${root} is empty or gone, though a memory was published`,
    "slowwave rollback current",
  );
}

/** Without `--full` a big history is looked at for so long, newest first. */
const BUDGET_MS = 5_000;
const NAMED = 3;

/** Every blob hashed again, every manifest complete, and the folder compared with the generation in effect. */
export async function checkGenerations({ at, store }: Patient, full: boolean): Promise<readonly Check[]> {
  if (store === null) return [];
  const { places } = at;
  const { space } = places;
  const homeId = (await readFile(join(places.home, "home-id"), "utf8").catch(() => "")).trim();
  const found = await inspectGenerations(
    { generations: store.generations, files: nodeFiles(), clock: systemClock },
    { space, root: rootOf(places, space), homeId, budgetMs: full ? null : BUDGET_MS },
  );
  if (found.generations === 0) return [fine("generations", "none yet")];
  return memoryRoots(places) === null ? [whole(found)] : [whole(found), ...edited(found)];
}

function whole({ generations, blobs, left, damaged }: Integrity): Check {
  const looked = `${counted(generations, "generation")}, ${counted(blobs, "file")} hashed again`;
  if (damaged.length > 0) {
    const named = damaged.slice(0, NAMED).join(", ");
    const more = damaged.length > NAMED ? ` and ${damaged.length - NAMED} more` : "";
    return failure(
      "generations",
      `${looked}; damaged or missing: ${named}${more}. What is in the folder is not touched; a backup of the database brings them back`,
    );
  }
  return left === 0
    ? fine("generations", `${looked}, all whole`)
    : warning(
        "generations",
        `${looked}, all whole; there was no time for ${left} more`,
        "slowwave doctor --full",
      );
}

function edited({ edits }: Integrity): readonly Check[] {
  if (edits === null || isUnchanged(edits)) return [];
  const { added, modified, deleted } = edits;
  const count = added.length + modified.length + deleted.length;
  return [
    fine(
      "edits",
      `the memory folder was edited by hand: ${count} ${count === 1 ? "file differs" : "files differ"} from the current generation; \`slowwave diff --edits\` shows it, and the next run keeps it as a generation of its own`,
    ),
  ];
}

/** Every page of the database, read through a connection that cannot write. */
export function checkStore(
  { places: { database, store } }: Pick<Invocation, "places">,
  free = freeBytes,
): Check {
  // That it can be opened is shown by the checks after this one.
  if (store !== null) return fine("store", "everything is in a PostgreSQL database");
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
  const running: JobRow[] = [];
  for await (const job of jobsOf(store, { status: "running" })) running.push(job);
  if (store === null || running.length === 0) return [fine("lease", "no job is held")];
  const now = Math.floor(at.world.nowMs() / 1000);
  return Promise.all(
    running.map(async (job) => {
      const owner = job.worker_id === null ? "unknown" : await store.liveness.probe(job.worker_id);
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
  const checks: Check[] = [];
  for await (const job of jobsOf(store)) {
    if (!isDirty(job) || !isRetryUnexplained(job, retryDelaySeconds, now)) continue;
    const text = `space ${job.job_key} is tried again only in ${about((job.retry_at ?? now) - now)}, which a delay of ${about(retryDelaySeconds)} does not explain: the clock jumped, or the delay was longer then`;
    checks.push(warning("retry", text, `slowwave run --now --space ${quoted(job.job_key)}`));
  }
  return checks;
}

/** A run is continued, and what an apply or purge left is given back; of another program only the lease is known. */
async function repairOf(store: Store, job: JobRow): Promise<string> {
  const [run] = await store.runs.list({ space: job.job_key, state: "active", limit: 1 });
  const isOurs = run !== undefined || (await rowBeforeAbandonedOperation(store, job)) !== null;
  return isOurs ? "slowwave recover" : "slowwave run, when the lease is over";
}

const LOOKED_AT = 100;

/** Unfinished runs whose process is dead, and runs nobody can interpret. */
export async function checkRuns({ store }: Patient): Promise<readonly Check[]> {
  if (store === null) return [fine("runs", "no runs yet")];
  const active = await store.runs.list({ state: "active", limit: LOOKED_AT });
  const owners = await Promise.all(active.map(({ owner }) => store.liveness.probe(owner)));
  const left = active.filter((_, at) => owners[at] === "dead");
  const unseen = active.filter((_, at) => owners[at] === "unknown");
  const parked: RunRecord[] = [];
  for (const run of await store.runs.list({ state: "parked", limit: LOOKED_AT })) {
    if (tokenHeldBy(run, await store.jobs.read(run.space)) !== null) parked.push(run);
  }
  const found = [
    ...otherVersions(active),
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

/** Sessions that could not be learned, and why; nothing where none was ever looked at. */
export async function checkSessions({ at, store }: Patient): Promise<readonly Check[]> {
  const counts = (await store?.sessions.count(at.places.space)) ?? {};
  if (Object.keys(counts).length === 0) return [];
  const { learned = 0, unknown_format: unknown = 0, unreadable = 0, failed = 0 } = counts;
  const found = [
    ...(unknown > 0
      ? [
          warning(
            "sessions",
            `${counted(unknown, "session")} of a format that this version does not know: an agent is newer`,
            "npm install slowwave@latest",
          ),
        ]
      : []),
    ...(unreadable > 0
      ? [warning("sessions", `${counted(unreadable, "session")} could not be read`, "slowwave sessions")]
      : []),
    ...(failed > 0
      ? [warning("sessions", `${counted(failed, "session")} could not be learned`, "slowwave sessions")]
      : []),
  ];
  return found.length > 0 ? found : [fine("sessions", `${counted(learned, "session")} learned, none failed`)];
}

/** Unfinished runs that this version leaves to a process of theirs. */
function otherVersions(active: readonly RunRecord[]): readonly Check[] {
  const others = active.filter(
    ({ machine, version }) => machine === phase2Machine.id && version !== PHASE2_VERSION,
  );
  if (others.length === 0) return [];
  const versions = [...new Set(others.map(({ version }) => version))].join(", ");
  const count = counted(others.length, "unfinished run is", "unfinished runs are");
  return [warning("runs", `${count} of another version (${versions}) than this one (${PHASE2_VERSION})`)];
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
  const verdicts = await Promise.all(
    owners.map((name) => store?.liveness.probe(name.slice(0, -".db".length))),
  );
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
