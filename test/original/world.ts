import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { type AgentFunction, functionAgent } from "../../src/agents/function-agent.ts";
import type { AgentRunner } from "../../src/domain/agent.ts";
import type { Ids } from "../../src/domain/clock.ts";
import type { RunEvent } from "../../src/domain/event.ts";
import type { JobRow } from "../../src/domain/job.ts";
import type { LocalStore } from "../../src/domain/ports.ts";
import type { RunRecord } from "../../src/domain/run.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { Engine, EngineOptions } from "../../src/engine/engine-api.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { contractFolder } from "../contract/world.ts";
import { diligent } from "../engine/phase2-world.ts";
import { type VirtualClock, virtualClock } from "../paths/virtual-clock.ts";
import { throughPassage } from "../paths/world/ports.ts";

/** When every world of these tests begins. */
export const START_MS = Date.parse("2026-05-04T03:00:00Z");
export const START = START_MS / 1_000;

/** The same data behind as many doors as a test has processes, and a hand that reaches past all of them. */
interface Place {
  open(): Promise<LocalStore>;
  /** What no process of ours does: columns of the job row of `global`, set from outside. */
  edit(columns: Partial<JobRow>): void;
  /** As if another version of the program had begun this run. */
  editRun(run: string, version: string): void;
  close(): Promise<void>;
}

type OpenPlace = () => Promise<Place>;

/** Both kinds of store, by name: every case is told on each. */
export const STORES: readonly (readonly [name: string, open: OpenPlace])[] = [
  ["memory", inMemory],
  ["sqlite", onFile],
];

async function inMemory(): Promise<Place> {
  const world = createMemoryWorld();
  return {
    open: async () => openMemoryStore({ world }),
    edit: (columns) => world.jobs.set("global", { ...(world.jobs.get("global") as JobRow), ...columns }),
    editRun: (run, version) => world.runs.set(run, { ...(world.runs.get(run) as RunRecord), version }),
    close: async () => {},
  };
}

async function onFile(): Promise<Place> {
  const folder = await contractFolder();
  const path = join(folder, "slowwave.db");
  return {
    open: () => openSqliteStore({ path }),
    edit(columns) {
      const set = Object.keys(columns).map((column) => `${column} = @${column}`);
      past(path, `UPDATE jobs SET ${set.join(", ")} WHERE job_key = 'global'`, columns);
    },
    editRun: (run, version) =>
      past(path, "UPDATE runs SET version = @version WHERE id = @run", { run, version }),
    close: () => rm(folder, { recursive: true }),
  };
}

function past(path: string, statement: string, values: object): void {
  const db = new Database(path);
  db.prepare(statement).run(values);
  db.close();
}

/** What stands between a process and its store, asked at every call: `jobs.claim`, `memories.select`, … */
export interface Interference {
  /** Happens before the call does. */
  readonly before?: (call: string, state: string) => Promise<void> | null;
  /** What the call rejects with instead of being made; undefined lets it through. */
  readonly fault?: (call: string, state: string) => unknown;
}

export interface Process {
  readonly engine: Engine;
  readonly store: LocalStore;
  /** Resolves when the machine has entered this (dotted) state so many times in this process. */
  reached(state: string, times?: number): Promise<void>;
  /** kill -9: nothing it asked for comes back, its timers are gone, its owner lock is free. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface OriginalWorld {
  readonly home: string;
  readonly root: string;
  readonly clock: VirtualClock;
  readonly place: Place;
  /** Past all processes. */
  readonly store: LocalStore;
  /** What every process told that is told with a commit, in order. */
  readonly told: RunEvent[];
  start(
    agent?: AgentFunction | AgentRunner,
    options?: Interference & Partial<EngineOptions>,
  ): Promise<Process>;
  row(): Promise<JobRow | null>;
}

/** Told with the commits themselves, so that their order is the same on every store. */
const WITH_COMMITS = new Set([
  "run.started",
  "state.entered",
  "status.counted",
  "inputs.counted",
  "progress",
  "run.finished",
]);

/** A home of its own with counted ids, and a clock that goes on by a second with every state. */
export async function originalWorld(openPlace: OpenPlace): Promise<OriginalWorld> {
  const home = await contractFolder();
  const place = await openPlace();
  const store = await place.open();
  const clock = virtualClock(START_MS);
  const ids = countedIds();
  const told: RunEvent[] = [];
  const processes: Process[] = [];
  onTestFinished(async () => {
    for (const process of processes) await process.close();
    await store.close();
    await place.close();
    await rm(home, { recursive: true, force: true });
  });

  return {
    home,
    root: join(home, "memories"),
    clock,
    place,
    store,
    told,
    row: () => store.jobs.read("global"),
    async start(agent = diligent, { before, fault, ...options } = {}) {
      const own = await place.open();
      // Another home is another machine: what is locked there is not locked here.
      const { locks, ...shared } = own;
      const isElsewhere = options.home !== undefined;
      const entered: string[] = [];
      const waiting: { state: string; times: number; resolve: () => void }[] = [];
      let dead = false;
      const state = () => entered.at(-1) ?? "";
      const passage = {
        isDead: () => dead,
        enter: (call: string) => before?.(call, state()) ?? null,
        fault(call: string) {
          const error = fault?.(call, state());
          return error === undefined ? null : { error };
        },
        leave: () => {},
      };
      const engine = createEngine({
        home,
        clock,
        ids,
        agent: typeof agent === "function" ? functionAgent(agent) : agent,
        ...options,
        store: {
          ...shared,
          jobs: throughPassage("jobs", own.jobs, passage),
          memories: throughPassage("memories", own.memories, passage),
          runs: throughPassage("runs", own.runs, passage),
          generations: throughPassage("generations", own.generations, passage),
          liveness: throughPassage("liveness", own.liveness, passage),
          ...(isElsewhere ? {} : { locks: throughPassage("locks", locks, passage) }),
        },
      });
      engine.events$.subscribe((event) => {
        if (dead || !WITH_COMMITS.has(event.type)) return;
        told.push(event);
        if (event.type !== "state.entered") return;
        entered.push(event.state);
        clock.advance(1_000);
        for (const one of waiting) {
          if (entered.filter((name) => name === one.state).length >= one.times) one.resolve();
        }
      });
      const process: Process = {
        engine,
        store: own,
        reached: (name, times = 1) =>
          new Promise((resolve) => {
            waiting.push({ state: name, times, resolve });
            if (entered.filter((one) => one === name).length >= times) resolve();
          }),
        async kill() {
          dead = true;
          clock.forgetTimers();
          await own.close();
        },
        async close() {
          if (dead) return;
          await engine.close();
          dead = true;
          await own.close();
        },
      };
      processes.push(process);
      return process;
    },
  };
}

/** `run-1`, `token-1`, …: the first token of an engine is its owner id, the next one its first run's. */
function countedIds(): Ids {
  const counts = new Map<string, number>();
  const next = (kind: string) => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return `${kind}-${counts.get(kind)}`;
  };
  return { run: () => next("run"), token: () => next("token"), generation: () => next("generation") };
}

/** Every file of a folder with its text, our mark left out; empty when there is no such folder. */
export async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, string>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    if (entry.isFile() && path !== ".slowwave") {
      files.set(path, await readFile(join(folder, path), "utf8"));
    }
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A turn of the event loop and all it leads to. */
export function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
