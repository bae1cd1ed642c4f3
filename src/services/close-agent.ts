import { basename, dirname } from "node:path";
import { fromPromise } from "xstate";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { AgentHandle, AgentRunner } from "../domain/agent.ts";
import { type Clock, settlesWithin } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { Finding } from "../domain/generation.ts";
import type { CloseInput, LeaseHolder, RunPlaces } from "../domain/phase2.ts";
import { type Files, type Folder, removePath, removeTree } from "../files/folder.ts";
import { PROCESS_RECORD } from "../process/process-record.ts";
import { sandboxHome } from "../sandbox/sandbox.ts";
import { QUARANTINE } from "../validation/quarantine.ts";

export interface CloseDeps {
  readonly holder: LeaseHolder;
  readonly places: RunPlaces;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly files: Files;
  /** How many refused workspaces are kept for inspection; absent: 20. */
  readonly maxRejected?: number;
  /** The last renewal of the lease; the guarded write decides, so its failure only is noted. */
  beforeClose?(): Promise<void>;
  /** For one agent to end, by all means together. */
  readonly closeMs?: number;
}

const CLOSE_MS = 30_000;

/**
 * Ends every agent of the run, one whose start is still under way included, then clears staging. Does nothing
 * when they are gone already; may be repeated. Rejects with `agent_unkillable` when one still lives, after a finding
 * was recorded: staging is cleared all the same, since nothing reads it any more, but for the record of the process.
 * What can't be cleared is a finding, too, and the rejection.
 */
export function closeAgent(deps: CloseDeps) {
  return fromPromise<void, CloseInput>(async ({ input }) => {
    const { holder, places, clock, files, maxRejected } = deps;
    await deps
      .beforeClose?.()
      .catch((error: unknown) => holder.recordEvent("lease.unrenewed", { why: causeOf(error) }));
    const failures = await endAll(deps, input);
    const [first] = failures;
    if (first !== undefined) holder.recordEvent("gate.finding", agentLeft(first));
    const keep = input.status === "failed_invalid_artifacts";
    try {
      await clearStaging(places, { clock, files, keep, keepRecord: first !== undefined, maxRejected });
    } catch (error) {
      holder.recordEvent("gate.finding", stagingLeft(error));
      throw first ?? error;
    }
    if (first !== undefined) throw first;
  });
}

/** A person must know of a process that may still work with their rights. */
function agentLeft(cause: unknown): Finding {
  return {
    code: "agent_left",
    severity: "warn",
    path: null,
    message: `The agent could not be ended (${causeOf(cause).replace(/\.$/, "")}); \`slowwave recover\` tries again, \`slowwave doctor\` says whether it still lives.`,
    repair: null,
  };
}

/** The run's result stands; but a folder that nobody can remove must not be left in silence. */
function stagingLeft(cause: unknown): Finding {
  return {
    code: "staging_left",
    severity: "warn",
    path: null,
    message: `The private workspace could not be removed (${causeOf(cause).replace(/\.$/, "")}); \`slowwave recover\` tries again, and says what to do where it can't.`,
    repair: null,
  };
}

async function endAll(deps: CloseDeps, input: CloseInput): Promise<readonly unknown[]> {
  const { runner, registry, places, clock, closeMs = CLOSE_MS } = deps;
  await settlesWithin(clock, closeMs, registry.started(input.run));
  const handles = registry.ofRun(input.run);
  const ends = handles.map((handle) => end(handle, deps));
  if (handles.length === 0) ends.push(runner.endOrphan(places.runFolder, clock).then(() => {}));
  const results = await Promise.allSettled(ends);
  return results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
}

async function end(handle: AgentHandle, { registry, clock, closeMs = CLOSE_MS }: CloseDeps): Promise<void> {
  // Held until the end: another close meanwhile must find it. An agent that can't be closed is given up then.
  try {
    if (await settlesWithin(clock, closeMs, handle.close())) return;
  } finally {
    registry.remove(handle.id);
  }
  throw new SlowwaveError("agent_unkillable", `The agent did not end within ${closeMs / 1000} s.`);
}

export interface ClearOptions {
  readonly clock: Clock;
  readonly files: Files;
  /** Whether the workspace is worth a look: it is moved to `rejected`. */
  readonly keep: boolean;
  /** Whether the record of the agent's process stays: the agent could not be ended, and is looked for again by it. */
  readonly keepRecord?: boolean;
  /** How many refused workspaces are kept for inspection; absent: 20. */
  readonly maxRejected?: number | undefined;
}

const MOST_REJECTED = 20;
const REJECTED_DAYS = 14;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Removes a run's staging, or moves it to `rejected`. No symlink in it is followed. May be repeated. */
export async function clearStaging(places: RunPlaces, options: ClearOptions): Promise<void> {
  const { files } = options;
  const kept = options.keep ? await moveToRejected(places, options) : await keepQuarantine(places, options);
  // Without a record nobody could look for the agent again.
  const hasRecord = (await files.facts(`${places.runFolder}/${PROCESS_RECORD}`)) !== null;
  if (options.keepRecord === true && hasRecord) await removeAllButRecord(places, files);
  else await removePath(files, places.runFolder);
  if (kept) await pruneRejected(places, options);
}

async function removeAllButRecord({ runFolder }: RunPlaces, files: Files): Promise<void> {
  await withFolders(files, [runFolder], async ([folder]) => {
    for (const { name } of await folder.list()) if (name !== PROCESS_RECORD) await removeTree(folder, name);
  });
}

/** Keeps what the gate took out of the memory of a run that it let through, if anything. */
async function keepQuarantine(places: RunPlaces, { files, clock }: ClearOptions): Promise<boolean> {
  if ((await files.facts(`${places.runFolder}/${QUARANTINE}`)) === null) return false;
  await files.makeFolders(places.rejected);
  await withFolders(files, [places.runFolder, places.rejected], async ([runFolder, rejected]) => {
    await removeTree(rejected, QUARANTINE);
    await runFolder.move(QUARANTINE, rejected, QUARANTINE);
  });
  await dateRejected(places, { files, clock });
  return true;
}

async function moveToRejected(places: RunPlaces, { files, clock }: ClearOptions): Promise<boolean> {
  const { runFolder, rejected } = places;
  if ((await files.facts(runFolder)) === null) return (await files.facts(dirname(rejected))) !== null;
  await removePath(files, rejected);
  await files.makeFolders(rejected);
  await withFolders(files, [runFolder, rejected], async ([from, to]) => {
    // It may hold copies of the person's keys.
    await removeTree(from, basename(sandboxHome(runFolder)));
    for (const { name } of await from.list()) if (name !== PROCESS_RECORD) await from.move(name, to, name);
  });
  await dateRejected(places, { files, clock });
  return true;
}

/** Ages are counted by the clock that prunes, not by the times that the agent left. */
async function dateRejected(
  { rejected }: RunPlaces,
  { files, clock }: Pick<ClearOptions, "files" | "clock">,
) {
  await withFolders(files, [dirname(rejected)], ([all]) => all.setTime(basename(rejected), clock.nowMs()));
}

async function pruneRejected({ rejected }: RunPlaces, options: ClearOptions): Promise<void> {
  const { clock, files, maxRejected = MOST_REJECTED } = options;
  await withFolders(files, [dirname(rejected)], async ([all]) => {
    const kept: { readonly name: string; readonly atMs: number }[] = [];
    for (const { name } of await all.list()) {
      const facts = await all.facts(name);
      if (facts !== null) kept.push({ name, atMs: facts.changedMs });
    }
    const newestFirst = kept.toSorted((a, b) => b.atMs - a.atMs || (a.name < b.name ? 1 : -1));
    const oldest = clock.nowMs() - REJECTED_DAYS * DAY_MS;
    const over = newestFirst.filter(({ atMs }, place) => place >= maxRejected || atMs < oldest);
    for (const { name } of over) if (name !== basename(rejected)) await removeTree(all, name);
  });
}

async function withFolders<const Paths extends readonly string[], Result>(
  files: Files,
  paths: Paths,
  use: (folders: { readonly [At in keyof Paths]: Folder }) => Promise<Result>,
): Promise<Result> {
  const folders: Folder[] = [];
  try {
    for (const path of paths) folders.push(await files.open(`${path}/.`));
    return await use(folders as unknown as { readonly [At in keyof Paths]: Folder });
  } finally {
    for (const folder of folders) await folder.close();
  }
}
