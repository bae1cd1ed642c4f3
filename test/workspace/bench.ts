import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { type AnyActorLogic, createActor, type PromiseActorLogic, toPromise } from "xstate";
import type { Clock } from "../../src/domain/clock.ts";
import type { Finding } from "../../src/domain/generation.ts";
import type { Lease } from "../../src/domain/job.ts";
import type { Stage1Output } from "../../src/domain/memory.ts";
import type { LeaseHolder, PublishAnswer, VerifyAnswer } from "../../src/domain/phase2.ts";
import type { LocalStore } from "../../src/domain/ports.ts";
import type { GateSettings } from "../../src/domain/settings.ts";
import type { Files } from "../../src/files/folder.ts";
import type { RunDeps } from "../../src/memory-files/deps.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { publishMemory, verifyArtifacts } from "../../src/services/publish-memory.ts";
import { syncRawMemories, syncSummaries } from "../../src/services/sync-inputs.ts";
import { swiftFiles } from "./frail-files.ts";

export const SPACE = "global";
export const HOME_ID = "home-1";

/** A folder of its own for a test, gone after it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Time that stands still but for timers, which ring at once. */
export function handClock(): Clock & { advance(ms: number): void } {
  let now = Date.parse("2026-05-04T03:02:01Z");
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    setTimeout: (fn, ms) => {
      now += ms;
      return setImmediate(fn);
    },
    clearTimeout: (id) => clearImmediate(id as NodeJS.Immediate),
    advance: (ms) => {
      now += ms;
    },
  };
}

/** One home with its root, and a way to run the four actors as the engine would. */
export interface Desk {
  readonly home: string;
  readonly root: string;
  readonly store: LocalStore;
  readonly clock: Clock & { advance(ms: number): void };
  /** A run that has claimed the space and loaded these inputs. */
  begin(run: string, inputs: readonly Stage1Output[]): Promise<DeskRun>;
}

export interface DeskRun {
  readonly run: string;
  readonly deps: RunDeps;
  readonly workspace: string;
  readonly findings: readonly Finding[];
  summaries(): Promise<{ base: string | null }>;
  rawMemories(base: string | null): Promise<{ unchanged: boolean }>;
  verify(base: string | null): Promise<VerifyAnswer>;
  publish(base: string | null): Promise<PublishAnswer>;
  /** Summaries and raw memories; answers the base. */
  sync(): Promise<string | null>;
  /** What an agent does: files by path, null removes. */
  agent(files: Readonly<Record<string, string | null>>): Promise<void>;
  /** The whole way: sync, agent, gate, publish; answers the generation. */
  complete(files?: Readonly<Record<string, string | null>>): Promise<string>;
  /** The same run in another process: other files, or another hold of the lease. */
  again(change?: { readonly files?: Files; readonly lease?: Lease | null }): DeskRun;
  /** Ends the claim, so that the next run can begin. */
  end(): Promise<void>;
}

export async function desk(
  options: {
    readonly store?: LocalStore;
    readonly files?: Files;
    readonly root?: string;
    /** Default: the form of what the agent writes is not looked at; these tests are about files. */
    readonly gate?: GateSettings;
  } = {},
): Promise<Desk> {
  const home = await temporaryFolder();
  const root = options.root ?? join(home, "memories");
  const store = options.store ?? openMemoryStore();
  const clock = handClock();
  let tokens = 0;
  const ids = {
    token: () => {
      tokens += 1;
      return `t${tokens}`;
    },
  };
  const begin: Desk["begin"] = async (run, inputs) => {
    const lease = await claim(store, clock, run);
    await store.memories.recordInputs(run, inputs);
    return deskRun(options.files ?? swiftFiles(), lease);

    function deskRun(files: Files, held: Lease | null): DeskRun {
      const findings: Finding[] = [];
      const runFolder = join(home, "staging", run);
      const workspace = join(runFolder, "workspace");
      const holder: LeaseHolder = {
        run,
        space: SPACE,
        lease: () => held,
        setLease: () => {},
        recordEvent: (type, data) => {
          if (type === "gate.finding") findings.push(data as Finding);
        },
      };
      const places = { runFolder, workspace, rejected: join(home, "rejected", run), root };
      const gate = options.gate ?? FORMLESS;
      const worker = "worker";
      const deps: RunDeps = { store, holder, places, worker, homeId: HOME_ID, clock, ids, files, gate };
      const input = { run, space: SPACE };
      const self: DeskRun = {
        run,
        deps,
        workspace,
        findings,
        summaries: async () => ({ base: (await answerOf(syncSummaries(deps), input)).base }),
        rawMemories: (base) => answerOf(syncRawMemories(deps), { ...input, base }),
        verify: (base) => answerOf(verifyArtifacts(deps), { ...input, base, repairsLeft: 2 }),
        publish: (base) => answerOf(publishMemory(deps), { ...input, base }),
        async sync() {
          const { base } = await self.summaries();
          await self.rawMemories(base);
          return base;
        },
        agent: (changes) => change(workspace, changes),
        async complete(changes = HANDBOOK) {
          const base = await self.sync();
          await self.agent(changes);
          const verdict = inputs.length === 0 ? null : await self.verify(base);
          if (verdict !== null && verdict.verdict !== "passed") throw new Error(verdict.codes.join());
          const answer = await self.publish(base);
          if (answer.kind === "lost") throw new Error("lost");
          await self.end();
          return answer.generation;
        },
        again: ({ files: other = files, lease: another = held } = {}) => deskRun(other, another),
        async end() {
          await store.jobs.succeed({ lease, watermark: 0, nowMs: clock.nowMs() });
          clock.advance(1_000);
        },
      };
      return self;
    }
  };
  return { home, root, store, clock, begin };
}

/** Only what makes a memory unusable or unsafe is looked at. */
export const FORMLESS: GateSettings = {
  no_task_group: "off",
  group_header: "off",
  group_not_indexed: "off",
  skill_form: "off",
  skill_too_long: "off",
  skill_script: "off",
  skill_script_unlisted: "off",
  skill_removed: "off",
};

/** A memory that passes the gate. */
export const HANDBOOK = {
  "MEMORY.md": "# Task Group: release\n",
  "memory_summary.md": "v1\n\n## User Profile\n",
};

async function claim(store: LocalStore, clock: Clock, run: string): Promise<Lease> {
  await store.jobs.enqueue(SPACE, 1);
  const claimed = await store.jobs.claim({
    space: SPACE,
    worker: "w",
    token: run,
    leaseSeconds: 3600,
    successCooldownSeconds: 0,
    force: true,
    retries: 3,
    nowMs: clock.nowMs(),
  });
  if (claimed.kind !== "claimed") throw new Error(claimed.why);
  return { space: SPACE, token: run, fence: claimed.fence };
}

/** Runs one actor to its end, as the engine does. */
export function answerOf<Output, Input>(
  logic: PromiseActorLogic<Output, Input>,
  input: Input,
): Promise<Output> {
  const actor = createActor<AnyActorLogic>(logic as unknown as AnyActorLogic, { input });
  // The promise tells; an actor without an observer would report its failure as uncaught.
  actor.subscribe({ error: () => {} });
  const answer = toPromise(actor);
  actor.start();
  return answer as Promise<Output>;
}

export function memory(id: string, over: Partial<Stage1Output> = {}): Stage1Output {
  return {
    threadId: id,
    sourceUpdatedAt: 1_774_212_000,
    generatedAt: 1_774_212_000,
    rawMemory: `raw of ${id}`,
    rolloutSummary: `summary of ${id}`,
    rolloutSlug: null,
    rolloutPath: `/sessions/${id}.jsonl`,
    cwd: "/home/me/app",
    gitBranch: null,
    ...over,
  };
}

/** Writes or removes (null) files below a folder, with the folders they need. */
export async function change(folder: string, files: Readonly<Record<string, string | null>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const at = join(folder, path);
    if (content === null) await rm(at, { recursive: true, force: true });
    else {
      await mkdir(dirname(at), { recursive: true });
      await writeFile(at, content);
    }
  }
}

/** Every file below a folder with its text; null when there is no folder. Hidden files are left out. */
export async function tree(folder: string): Promise<Record<string, string> | null> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) return null;
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".slowwave"));
  const texts = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length + 1), entry.isFile() ? await readFile(path, "utf8") : "(not a file)"];
  });
  return Object.fromEntries((await Promise.all(texts)).sort());
}
