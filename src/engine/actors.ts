import { throwError } from "rxjs";
import { fromEventObservable, fromPromise } from "xstate";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { TranscriptBudget } from "../agents/transcript.ts";
import type { AgentLimits, AgentRunner } from "../domain/agent.ts";
import { type Clock, type Ids, settlesWithin } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { changesBetween, type Finding } from "../domain/generation.ts";
import type {
  DraftAnswer,
  DraftInput,
  LeaseHolder,
  Phase2Event,
  PublishAnswer,
  PublishInput,
  RawMemoriesAnswer,
  RunInput,
  RunPlaces,
  SpawnAnswer,
  SpawnInput,
  VerifyAnswer,
  VerifyInput,
  WatchInput,
} from "../domain/phase2.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import { contextOf, type LogRow } from "../domain/run.ts";
import { MAX_REPAIRS, MAX_RESTARTS, type Settings } from "../domain/settings.ts";
import type { Status } from "../domain/status.ts";
import { type RunLimits, type Used, usedIn } from "../domain/usage.ts";
import type { Files, Folder } from "../files/folder.ts";
import { never, type Phase2Input } from "../machines/context.ts";
import type { RootDeps, RunDeps } from "../memory-files/deps.ts";
import { changedByHand } from "../memory-files/generation-names.ts";
import { renderedInputs } from "../memory-files/host-files.ts";
import { scan } from "../memory-files/scan.ts";
import { closeAgent } from "../services/close-agent.ts";
import {
  claimJob,
  confirmOwnership,
  keepDeadline,
  keepLease,
  recordFailure,
  recordSuccess,
} from "../services/job.ts";
import { keepDraft, publishMemory, verifyArtifacts } from "../services/publish-memory.ts";
import { configureAgent, spawnAgent } from "../services/spawn-agent.ts";
import { loadMemories, syncRawMemories, syncSummaries } from "../services/sync-inputs.ts";
import { watchAgent } from "../services/watch-agent.ts";
import { suspectInputs } from "../validation/injection.ts";
import type { Home } from "./home.ts";
import { homeCopyMessage } from "./home-place.ts";
import { renderPrompt, renderRepair } from "./prompt.ts";
import { wholeLog } from "./result.ts";

/** For a stopped step to leave the workspace; a disk that hangs must not keep the run from its end. */
const SEAL_MS = 30_000;

export interface ActorDeps {
  readonly store: LocalStore;
  readonly holder: LeaseHolder;
  readonly places: RunPlaces;
  readonly homeId: string;
  readonly homeNotice: NonNullable<RunDeps["homeNotice"]>;
  readonly worker: string;
  readonly settings: Settings;
  /** Unix milliseconds at which the run's time is up; the agent is asked to finish before. Absent: it is not asked. */
  readonly deadlineAtMs?: number | null;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly files: Files;
  readonly published?: RootDeps["published"];
  /** Done once before the agent is closed or the success recorded. Never rejects. */
  readonly atItsEnd?: (() => Promise<void>) | undefined;
}

/**
 * The machine's actors for one run: the only place where names and services meet. Each is made when it is asked for:
 * of thousands of runs that wait for their agents, each has three of them at work.
 */
class Phase2Actors {
  readonly #run: ActorDeps;
  readonly #files: SealedFiles;
  #end: Promise<void> | undefined;

  constructor(run: ActorDeps) {
    this.#run = run;
    this.#files = sealedFiles(run.files);
  }

  get #job() {
    const { store, holder, clock, settings, worker } = this.#run;
    return { jobs: store.jobs, holder, clock, settings, worker };
  }

  get #deps() {
    return { ...this.#run, files: this.#files, gate: this.#run.settings.gate ?? {} };
  }

  get #agent() {
    const deps = this.#deps;
    return { ...deps, limits: limitsOf(deps.settings), ...askAgent(deps) };
  }

  async #atItsEnd(): Promise<void> {
    this.#end ??= this.#run.atItsEnd?.();
    await this.#end;
  }

  get claimJob() {
    return claimJob({ ...this.#job, runs: this.#run.store.runs });
  }

  get keepLease() {
    return keepLease(this.#job);
  }

  get keepDeadline() {
    const { clock, settings } = this.#run;
    return keepDeadline({ clock, maxRunMinutes: settings.maxRunMinutes });
  }

  get configureAgent() {
    return configureAgent(this.#deps);
  }

  get loadMemories() {
    const { store, holder } = this.#run;
    return loadMemories({ memories: store.memories, holder });
  }

  get syncSummaries() {
    return syncSummaries(this.#deps);
  }

  get syncRawMemories() {
    return syncRawMemories(this.#deps);
  }

  get spawnAgent() {
    return spawnAgent({ ...this.#agent, limits: limitsForAgent(this.#run.settings) });
  }

  get watchAgent() {
    return watchAgent(this.#agent);
  }

  get verifyArtifacts() {
    return verifyArtifacts(this.#deps);
  }

  get confirmOwnership() {
    return confirmOwnership(this.#job);
  }

  get publishMemory() {
    return publishMemory(this.#deps);
  }

  get keepDraft() {
    return keepDraft(this.#deps);
  }

  get closeAgent() {
    return closeAgent({
      ...this.#agent,
      files: this.#run.files,
      beforeClose: async () => {
        await this.#atItsEnd();
        await beforeClose(this.#run, this.#files);
      },
      maxRejected: this.#run.settings.keepRejected,
    });
  }

  get recordSuccess() {
    return recordSuccess({ ...this.#job, before: () => this.#atItsEnd() });
  }

  get recordFailure() {
    return recordFailure(this.#job);
  }
}

/** A step that was stopped half-way must have left the workspace, and the lease must last while the agent ends. */
async function beforeClose(
  { store: { jobs }, clock, holder, settings }: ActorDeps,
  files: SealedFiles,
): Promise<void> {
  await settlesWithin(clock, SEAL_MS, files.seal());
  const lease = holder.lease();
  const { leaseSeconds } = settings;
  if (lease !== null) await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });
}

/** The actors of one run, by name. */
export type ActorSet = { readonly [Name in keyof Phase2Actors]: Phase2Actors[Name] };

/** All of them at once, as `provide` wants them. */
export function actorsAtOnce(actors: ActorSet): ActorSet {
  const { claimJob, keepLease, keepDeadline, configureAgent, loadMemories, syncSummaries } = actors;
  const { syncRawMemories, spawnAgent, watchAgent, verifyArtifacts, confirmOwnership } = actors;
  const { publishMemory, keepDraft, closeAgent, recordSuccess, recordFailure } = actors;
  return {
    claimJob,
    keepLease,
    keepDeadline,
    configureAgent,
    loadMemories,
    syncSummaries,
    syncRawMemories,
    spawnAgent,
    watchAgent,
    verifyArtifacts,
    confirmOwnership,
    publishMemory,
    keepDraft,
    closeAgent,
    recordSuccess,
    recordFailure,
  };
}

/** What an agent may want to know of its own limits; the supervisor holds it to all of them. */
function limitsForAgent({ maxSilenceMinutes, maxTurns, maxTokens, maxCostUsd }: Settings): AgentLimits {
  return { maxSilenceMinutes, maxTurns, maxTokens, maxCostUsd };
}

/** A run that an earlier version began may lack the newer ones. */
function limitsOf(settings: Partial<Settings>): RunLimits {
  return {
    maxRunMinutes: settings.maxRunMinutes ?? null,
    maxSilenceMinutes: settings.maxSilenceMinutes ?? null,
    maxTurns: settings.maxTurns ?? null,
    maxToolCalls: settings.maxToolCalls ?? null,
    maxTokens: settings.maxTokens ?? null,
    maxCostUsd: settings.maxCostUsd ?? null,
    maxOutputBytes: settings.maxOutputBytes ?? null,
  };
}

/** What every run of one process shares. */
export interface RunEnvironment {
  readonly store: LocalStore;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly home: Home;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly files: Files;
  readonly published?: RootDeps["published"];
}

/** What one run was begun with; a process that takes it over finds the same in its context. */
export interface RunTerms {
  readonly settings: Settings;
  /** Unix milliseconds; null = no limit. */
  readonly deadlineAtMs: number | null;
}

/** The terms of a run that begins now: its time runs from here. */
export function termsOf({ clock }: Pick<RunEnvironment, "clock">, settings: Settings): RunTerms {
  const { maxRunMinutes } = settings;
  const deadlineAtMs = maxRunMinutes === null ? null : clock.nowMs() + maxRunMinutes * 60_000;
  return { settings, deadlineAtMs };
}

/** The machine's input for a run that begins now, with a claim token of its own. */
export function inputOf(
  { ids, runner }: RunEnvironment,
  { run, space, now, dryRun }: { run: string; space: string; now: boolean; dryRun: boolean },
  { settings, deadlineAtMs }: RunTerms,
): Phase2Input {
  return {
    run,
    space,
    token: ids.token(),
    deadlineAtMs,
    force: now,
    ...(dryRun ? { dryRun } : {}),
    settings,
    maxRepairs: runner.singleTurn ? 0 : MAX_REPAIRS,
    maxRestarts: MAX_RESTARTS,
  };
}

/**
 * The machine's actors, bound to one run in this process. `worker`: the owner id that its claim names. `lost`: the run was
 * taken over and its workspace is not here; every step that needs it fails with this.
 */
export function openRun(
  environment: RunEnvironment,
  {
    lost = null,
    ...bound
  }: Pick<ActorDeps, "holder" | "worker" | "homeId" | "atItsEnd"> & {
    readonly lost?: SlowwaveError | null;
  },
  { settings, deadlineAtMs }: RunTerms,
): ActorSet {
  const { holder } = bound;
  const places = environment.home.placesOf(holder.space, holder.run);
  const homeNotice = async () => {
    const copy = await environment.home.findCopy();
    return copy === null ? null : homeCopyMessage(copy);
  };
  const run = { ...environment, ...bound, places, homeNotice, settings, deadlineAtMs };
  const actors = new Phase2Actors(run);
  return lost === null ? actors : { ...actorsAtOnce(actors), ...withoutWorkspace(lost) };
}

/** Of a run whose workspace was on another machine: it ends with that, whatever else might end it first. */
function withoutWorkspace(lost: SlowwaveError) {
  const fails = <Output, Input extends RunInput>() => fromPromise<Output, Input>(() => Promise.reject(lost));
  return {
    keepDeadline: never<Phase2Event, { deadlineAtMs: number | null }>(),
    syncRawMemories: fails<RawMemoriesAnswer, RunInput & { base: string | null }>(),
    spawnAgent: fails<SpawnAnswer, SpawnInput>(),
    watchAgent: fromEventObservable<Phase2Event, WatchInput>(() => throwError(() => lost)),
    verifyArtifacts: fails<VerifyAnswer, VerifyInput>(),
    publishMemory: fails<PublishAnswer, PublishInput>(),
    keepDraft: fails<DraftAnswer, DraftInput>(),
  };
}

interface AskDeps {
  readonly store: Pick<Store, "runs" | "generations" | "memories">;
  readonly holder: LeaseHolder;
  readonly places: RunPlaces;
  readonly files: Files;
  readonly settings: Pick<Settings, "maxRunMinutes" | "maxTurns" | "maxTokens">;
}

/** What the agent of one run is asked, at first and in repair turns. Paths and findings only, never memory text. */
function askAgent({ store, holder, places, files, settings }: AskDeps) {
  const { workspace } = places;
  return {
    async prompt({ run, space }: SpawnInput): Promise<string> {
      const current = await store.generations.current(space);
      const base = current?.manifest ?? [];
      const folder = await files.open(workspace);
      try {
        const { manifest } = await scan(folder);
        const mode = manifest.some(({ path }) => path === "MEMORY.md") ? "update" : "first";
        const suspects = await suspectInputs((await renderedInputs({ store, holder }, run)).files);
        const refusal = await lastRefusal(store, space);
        return renderPrompt({
          workspace,
          mode,
          handEdits: current?.generation.handEdits !== undefined,
          byHand: await changedByHand(store.generations, space),
          changes: changesBetween(base, manifest),
          suspects,
          refusal,
          runLimits: {
            minutes: settings.maxRunMinutes ?? null,
            turns: settings.maxTurns ?? null,
            tokens: settings.maxTokens ?? null,
          },
        });
      } finally {
        await folder.close();
      }
    },
    /** What earlier agents of the run used, and how much of its transcript they filled. */
    async earlier(
      run: string,
    ): Promise<{ readonly used: Used | null; readonly transcriptBudget: TranscriptBudget }> {
      const log = await wholeLog(store.runs, run);
      const messages = log.filter(({ type, sequence }) => sequence === null && type.startsWith("agent."));
      const length = messages.reduce((sum, { data }) => sum + data.length, 0);
      return { used: usedIn(log), transcriptBudget: { notes: messages.length, length } };
    },
    async repairPrompt({ run }: WatchInput): Promise<string> {
      const findings = (await lastFindings(store, run))
        .filter(({ severity }) => severity === "repair")
        .map(({ path, repair, message }) =>
          [path, repair ?? message].filter((part) => part !== null).join(": "),
        );
      return renderRepair({ workspace, findings });
    },
  };
}

/** Those of the last look of the gate: everything noted since the agent last said it was done. */
async function lastFindings(store: Pick<Store, "runs">, run: string): Promise<readonly Finding[]> {
  const rows: LogRow[] = [];
  for (let after = 0; ; ) {
    const page = await store.runs.log({ run, after, limit: 1_000 });
    for (const row of page) {
      if (row.type === "agent.completed") rows.length = 0;
      else if (row.type === "gate.finding") rows.push(row);
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  return rows.map(({ data }) => JSON.parse(data) as Finding);
}

/** Why the gate refused the last result of the space; nothing when it let it through. */
async function lastRefusal(store: Pick<Store, "runs">, space: string): Promise<readonly string[]> {
  const judged: readonly Status[] = ["succeeded", "failed_invalid_artifacts"];
  const [last] = await store.runs.list({ space, statuses: judged, limit: 1 });
  if (last === undefined) return [];
  if (contextOf(last).status !== "failed_invalid_artifacts") return [];
  const findings = await lastFindings(store, last.id);
  return findings.filter(({ severity }) => severity !== "warn").map(({ message }) => message);
}

/** The files of one run, until they are sealed. */
export interface SealedFiles extends Files {
  /**
   * From here on nothing new is opened. Resolves when every folder that is open has been closed: a step that was
   * stopped in the middle of its work has then left the workspace for good, and it can be cleared.
   */
  seal(): Promise<void>;
}

function sealedFiles(files: Files): SealedFiles {
  const atWork = new Set<Promise<void>>();
  let isSealed = false;

  /** Counted from the call on, so that a folder opened at the moment of the seal is waited for too. */
  async function use<Result>(work: (leave: () => void) => Promise<Result>): Promise<Result> {
    if (isSealed) throw new SlowwaveError("run_ending", "The run is ending; its workspace is being cleared.");
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    atWork.add(left);
    void left.then(() => atWork.delete(left));
    try {
      return await work(leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  function brief<Result>(work: () => Promise<Result>): Promise<Result> {
    return use(async (leave) => {
      const result = await work();
      leave();
      return result;
    });
  }

  function counted(folder: Folder, leave: () => void): Folder {
    const close = async () => {
      await folder.close().finally(leave);
    };
    // Folders entered from this one are closed before it is.
    return new Proxy(folder, {
      get: (target, name) => {
        if (name === "close") return close;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  return {
    open: (path) => use(async (leave) => counted(await files.open(path), leave)),
    facts: (path) => brief(() => files.facts(path)),
    makeFolders: (path) => brief(() => files.makeFolders(path)),
    assertWritable: (path) => brief(() => files.assertWritable(path)),
    async seal() {
      isSealed = true;
      while (atWork.size > 0) await Promise.all(atWork);
    },
  };
}
