import { join, resolve } from "node:path";
import { type Observable, Subject } from "rxjs";
import { createAgentRegistry } from "../agents/agent-registry.ts";
import type { AgentRunner } from "../domain/agent.ts";
import type { Clock, Ids } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { Finding } from "../domain/generation.ts";
import type { Stage1Output } from "../domain/memory.ts";
import {
  LEARN_DEFAULTS,
  type LearnResult,
  type LearnSettings,
  learnAdvice,
  learnOutcome,
  type NoNote,
} from "../domain/phase1.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf, type RunRecord } from "../domain/run.ts";
import { isWithin, jobKeyOf, type SessionRow, type SessionVerdict } from "../domain/session.ts";
import { adviceOf } from "../domain/status.ts";
import { createDurableEngine } from "../durable/engine.ts";
import type { DurableEngine, DurableOptions, DurableRun } from "../durable/options.ts";
import { clockOf, systemIds } from "../durable/system.ts";
import type { Files } from "../files/folder.ts";
import { nodeFiles } from "../files/node-files.ts";
import { phase1Actors, runCacheOf } from "../learning/actors.ts";
import { check } from "../learning/check-note.ts";
import { gitAsker } from "../learning/git.ts";
import { takeInbox } from "../learning/inbox.ts";
import { locate } from "../learning/locate-session.ts";
import { type DueQuery, dueSessions, type Look, lookAround, takeIn } from "../learning/look.ts";
import { projectFinder } from "../learning/projects.ts";
import type { LearningDeps, Rules } from "../learning/run-cache.ts";
import { PHASE1_VERSION, type Phase1Context, phase1Machine } from "../machines/phase1.ts";
import { tokensOf } from "../text/tokens.ts";
import type { Surroundings, TranscriptFile, TranscriptReader } from "../transcripts/reader.ts";
import { createLeaseHolder, type LearnMeter, learnMeter } from "./events.ts";
import { createHome } from "./home.ts";

/**
 * Runs of phase 1 belong to no space of the log: they are many and small, and the runs of a space are its consolidations.
 * Which memory a note goes to is in their context.
 */
const LEARN_RUNS = "";
/** They are kept for a week. */
const KEEP_RUN_DAYS = 7;
const KEEP_RUNS = 200;
/** Who writes the notes where no agent does. */
const RULES = "rules";
const MAX_REPAIRS = 1;
const NO_FENCE = -1;

interface LearnerOptions {
  readonly store: Store;
  /** State folder. Absolute, or relative to the working directory. */
  readonly home: string;
  readonly rules: Rules;
  readonly readers: Readonly<Record<string, TranscriptReader | undefined>>;
  /** Where agents keep their things. */
  readonly surroundings: Surroundings;
  /** Writes the notes; absent: the rules do. */
  readonly agent?: AgentRunner | null;
  readonly settings?: Partial<LearnSettings>;
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly files?: Files;
}

/** What would be kept of a session; nothing is written for it. */
export type Preview =
  | {
      readonly kind: "note";
      readonly note: Stage1Output;
      readonly findings: readonly Finding[];
      readonly tokens: number;
    }
  | { readonly kind: "none"; readonly verdict: NoNote; readonly tokens: number }
  | { readonly kind: "skip"; readonly verdict: SessionVerdict; readonly until: number | null };

/** One session on its way. */
interface LearnRun {
  readonly id: string;
  readonly key: string;
  readonly adopted: boolean;
  /** Rejects when this process has to leave it unfinished. */
  readonly result: Promise<LearnResult>;
}

type LearnEvent =
  | {
      readonly type: "session.started";
      readonly run: string;
      readonly key: string;
      readonly adopted: boolean;
    }
  | { readonly type: "state.entered"; readonly run: string; readonly key: string; readonly state: string }
  | {
      readonly type: "session.finished";
      readonly run: string;
      readonly key: string;
      readonly result: LearnResult;
    };

/** Phase 1 on the durable engine: looks for sessions, and learns one at a time or several. */
export interface Learner {
  readonly owner: string;
  readonly settings: LearnSettings;
  readonly events$: Observable<LearnEvent>;
  /** Looks where the agents keep their sessions, and takes them in. Reads names and times. */
  look(request: { readonly space: string; readonly agents?: readonly string[] }): Promise<Look>;
  /** Sessions of the space that are over by what their agents' hooks said, as far as the last look has found them. */
  ended(space: string): Promise<readonly string[]>;
  /** Takes one file in, wherever it lies; the key of its session. */
  takeFile(space: string, file: TranscriptFile): Promise<string>;
  /** `project`: only sessions of this folder, below it, or of its project. */
  due(
    query: Omit<DueQuery, "retentionDays" | "project" | "isAnyAge" | "includeHeadless"> & {
      readonly project?: string;
    },
  ): Promise<readonly SessionRow[]>;
  learn(request: {
    readonly space: string;
    readonly key: string;
    readonly force?: boolean;
    readonly again?: boolean;
  }): Promise<LearnRun>;
  /** What the rules would make of it, and how many tokens an agent would have to read. Claims and keeps nothing. */
  preview(request: {
    readonly space: string;
    readonly key: string;
    readonly force?: boolean;
  }): Promise<Preview>;
  /** Goes on with what killed processes left. */
  recover(): Promise<readonly LearnRun[]>;
  /** Of a finished run; null when it is unknown, unfinished, or no run of phase 1. */
  result(run: string): Promise<LearnResult | null>;
  projectOf(folder: string): ReturnType<LearningDeps["projectOf"]>;
  /** Takes runs away that are past their time. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  readonly options: LearnerOptions;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly files: Files;
  readonly settings: LearnSettings;
  readonly home: string;
  readonly holders: Map<string, LeaseHolder>;
  readonly files$: Map<string, TranscriptFile>;
  readonly events$: Subject<LearnEvent>;
  readonly meter: LearnMeter;
  readonly registry: ReturnType<typeof createAgentRegistry>;
  readonly projectOf: LearningDeps["projectOf"];
}

/** Builds the learner. Nothing is touched before the first `look`, `learn` or `recover`. */
export function createLearner(options: LearnerOptions): Learner {
  const parts = partsOf(options);
  const { clock, ids, events$, settings, files$ } = parts;
  const { store } = options;
  const home = createHome(parts.home);
  const durable: DurableEngine<typeof phase1Machine> = createDurableEngine(
    durableOptions(parts, () => durable.owner),
  );
  durable.committed$.subscribe(({ run, value, snapshot }) => {
    const { key } = snapshot.context as Phase1Context;
    events$.next({ type: "state.entered", run, key, state: value });
  });
  const runOf = (run: DurableRun<typeof phase1Machine>): LearnRun => {
    const { key } = run.snapshot().context;
    const result = followed(parts, run, key);
    // A host that only listens must not be killed by an unhandled rejection.
    result.catch(() => {});
    return { id: run.id, key, adopted: run.adopted, result };
  };
  const retentionDays = new Map<string, number | null>();
  return {
    owner: durable.owner,
    settings,
    events$: events$.asObservable(),
    look: async (request) => {
      const look = await lookAround({ ...options, sessions: store.sessions, clock }, request);
      for (const [key, file] of look.files) files$.set(key, file);
      for (const source of look.sources) retentionDays.set(source.agent, source.retentionDays);
      return look;
    },
    ended: async (space) => {
      const keys: string[] = [];
      for (const key of await takeInbox(parts.files, parts.home)) {
        const row = await store.sessions.read(space, key);
        if (row !== null && ["seen", "not_idle"].includes(row.verdict)) keys.push(key);
      }
      return keys;
    },
    takeFile: async (space, file) => {
      const forgotten = await takeIn(store.sessions, space, [file], clock.nowMs());
      if (forgotten > 0) {
        throw new SlowwaveError(
          "session_forgotten",
          `The session ${file.key} was purged; \`slowwave import --remember ${file.key}\` lifts that.`,
        );
      }
      files$.set(file.key, file);
      return file.key;
    },
    due: (query) => {
      const { includeHeadless, maxAgeDays } = settings;
      return dueHere(parts, { ...query, retentionDays, includeHeadless, isAnyAge: maxAgeDays === null });
    },
    learn: async ({ space, key, force = false, again = false }) => {
      await home.prepare();
      const id = ids.run();
      parts.holders.set(id, holderOf(parts, id, space, key));
      const input = {
        ...{ run: id, space, key, force, again, settings, token: ids.token() },
        extractor: options.agent?.name ?? RULES,
        deadlineAtMs: clock.nowMs() + settings.maxRunMinutes * 60_000,
        maxRepairs: options.agent ? MAX_REPAIRS : 0,
      };
      events$.next({ type: "session.started", run: id, key, adopted: false });
      return runOf(await durable.start({ id, space: LEARN_RUNS, input }));
    },
    preview: ({ space, key, force = false }) => {
      const holder = holderOf(parts, "", space, key);
      return previewSession(depsOf(parts, holder, durable.owner), { space, key, force });
    },
    recover: async () => {
      await home.prepare();
      return (await durable.recover({ space: LEARN_RUNS })).map(runOf);
    },
    result: (run) => learnResultOf(store, run),
    projectOf: parts.projectOf,
    retire: async () => {
      const request = {
        space: LEARN_RUNS,
        keepRuns: KEEP_RUNS,
        keepRunDays: KEEP_RUN_DAYS,
        nowMs: clock.nowMs(),
      };
      for (let slice = 0; slice < 40; slice += 1) if ((await store.retire(request)).isDone) return;
    },
    close: async () => {
      await durable.close({ ifUnhandled: "wait" });
      events$.complete();
    },
  };
}

/** Of a session that nobody has read yet the ends are looked at, where the folder matters. */
async function dueHere(
  { options, clock, projectOf, files$ }: Parts,
  { project: folder, ...query }: Omit<DueQuery, "project"> & { readonly project?: string },
): Promise<readonly SessionRow[]> {
  const { sessions } = options.store;
  if (folder === undefined) return dueSessions({ sessions, clock }, query);
  const project = { folder, id: (await projectOf(folder))?.id ?? null };
  const all = await dueSessions({ sessions, clock }, { ...query, project, limit: Number.MAX_SAFE_INTEGER });
  const due: SessionRow[] = [];
  for (const row of all) {
    const file = files$.get(row.key);
    const known =
      row.cwd !== null || file === undefined
        ? row.cwd
        : ((await options.readers[row.agent]?.describe(file).catch(() => null))?.cwd ?? null);
    const isThere =
      known !== null && (isWithin(known, folder) || (await projectOf(known))?.id === project.id);
    if (isThere) due.push(row);
    if (due.length === query.limit) break;
  }
  return due;
}

async function previewSession(
  deps: LearningDeps,
  { space, key, force }: { readonly space: string; readonly key: string; readonly force: boolean },
): Promise<Preview> {
  const cache = runCacheOf(deps);
  const answer = await locate(deps, cache, { space, key, force });
  if (answer.kind === "skip") return answer;
  const evidence = await cache.evidence({ space, key, fingerprint: answer.fingerprint });
  if (!deps.settings.includeExternal && cache.hasOutsideWords())
    return { kind: "none", verdict: "polluted", tokens: 0 };
  const tokens = evidence.rows.reduce((sum, { text, tool }) => sum + tokensOf(text + (tool?.input ?? "")), 0);
  const extraction = deps.rules.extract(await cache.session(key, space), evidence);
  if (extraction.kind === "none") return { kind: "none", verdict: extraction.reason, tokens };
  const { note, findings } = await check(extraction, evidence, false);
  return note === null
    ? { kind: "none", verdict: "no_signal", tokens }
    : { kind: "note", note, findings, tokens };
}

function partsOf(options: LearnerOptions): Parts {
  const clock = clockOf(options.clock);
  const { env } = options.surroundings;
  return {
    options,
    clock,
    ids: options.ids ?? systemIds(clock),
    files: options.files ?? nodeFiles(),
    settings: { ...LEARN_DEFAULTS, ...options.settings },
    home: resolve(options.home),
    holders: new Map(),
    files$: new Map(),
    events$: new Subject(),
    meter: learnMeter(),
    registry: createAgentRegistry(),
    projectOf: projectFinder({ projects: options.store.projects, clock, git: gitAsker(env) }),
  };
}

function holderOf({ options, clock }: Parts, id: string, space: string, key: string): LeaseHolder {
  return createLeaseHolder(
    { id, space: jobKeyOf(space, key) },
    { runs: options.store.runs, clock, emit: () => {} },
  );
}

function durableOptions(parts: Parts, owner: () => string): DurableOptions<typeof phase1Machine> {
  const { options, clock, ids, holders, registry } = parts;
  const { store, agent } = options;
  return {
    store,
    machine: phase1Machine,
    version: PHASE1_VERSION,
    graceMs: Number.POSITIVE_INFINITY,
    clock,
    ids,
    actors: ({ id }) => phase1Actors(depsOf(parts, holders.get(id) as LeaseHolder, owner())),
    examine: demandPhase1,
    // What one extractor has begun no other one ends.
    admit: async (record, adopt) => (contextOf(record).extractor === (agent?.name ?? RULES) ? adopt() : null),
    adopting: async (record) => {
      const { space, key, token, settings } = contextOf(record) as unknown as Phase1Context;
      const holder = holderOf(parts, record.id, space, key);
      holders.set(record.id, holder);
      parts.events$.next({ type: "session.started", run: record.id, key, adopted: true });
      await agent?.endOrphan(runFolderOf(parts, record.id), clock);
      const { leaseSeconds } = settings;
      const job = { space: jobKeyOf(space, key), token, worker: owner(), leaseSeconds, nowMs: clock.nowMs() };
      // A token that owns nothing any more may have settled the job: a repeated settlement finds its own trace.
      holder.setLease((await store.sessions.takeOver(job)) ?? { space: job.space, token, fence: NO_FENCE });
    },
    left: (run, why) => {
      holders.delete(run);
      if (why !== null) for (const handle of registry.ofRun(run)) handle.close().catch(() => {});
    },
  };
}

function depsOf(parts: Parts, holder: LeaseHolder, worker: string): LearningDeps {
  const { options, clock, settings, home, files, files$, projectOf, registry } = parts;
  const { readers, rules } = options;
  return {
    sessions: options.store.sessions,
    runFolder: runFolderOf(parts, holder.run),
    runner: options.agent ?? null,
    found: (_, key) => files$.get(key) ?? null,
    ...{ holder, clock, settings, worker, readers, rules, home, files, projectOf, registry },
  };
}

function runFolderOf({ home }: Parts, run: string): string {
  return join(home, "staging", run);
}

/** Throws unless the context holds what adopting a run needs before its machine goes on. */
function demandPhase1(run: RunRecord): void {
  const context = contextOf(run);
  for (const name of ["run", "space", "key", "token"]) {
    if (typeof context[name] !== "string") throw new Error(`its context has no ${name}`);
  }
  const leaseSeconds = (context.settings as Partial<LearnSettings> | null | undefined)?.leaseSeconds;
  if (typeof leaseSeconds !== "number") throw new Error("its context has no settings");
}

async function followed(
  { options, events$, meter, files$ }: Parts,
  run: DurableRun<typeof phase1Machine>,
  key: string,
): Promise<LearnResult> {
  await run.done;
  const result = (await learnResultOf(options.store, run.id)) as LearnResult;
  files$.delete(key);
  meter(result);
  events$.next({ type: "session.finished", run: run.id, key, result });
  return result;
}

/** What a finished run of phase 1 came to, read from the store alone. */
async function learnResultOf(store: Pick<Store, "runs">, run: string): Promise<LearnResult | null> {
  const record = await store.runs.read(run);
  if (record === null || record.machine !== phase1Machine.id || record.state === "active") return null;
  const context = contextOf(record) as Partial<Phase1Context>;
  const isParked = record.state === "parked";
  const status = isParked ? "parked_unknown_version" : (context.status ?? "failed_agent");
  const outcome = status === "parked_unknown_version" ? "failed" : learnOutcome(status);
  const message = status === "parked_unknown_version" ? adviceOf(status) : learnAdvice(status);
  const cause = record.parked ?? context.cause ?? null;
  return {
    run,
    space: context.space ?? "",
    key: context.key ?? "",
    outcome,
    status,
    reason: outcome === "succeeded" ? null : { code: status, message, cause },
    extractor: context.extractor ?? RULES,
    persons: context.persons ?? null,
    tools: context.tools ?? null,
    redacted: context.redacted ?? null,
    noteBytes: context.noteBytes ?? null,
    findings: context.findings ?? 0,
    startedAt: new Date(record.createdAtMs).toISOString(),
    finishedAt: new Date(record.updatedAtMs).toISOString(),
  };
}
