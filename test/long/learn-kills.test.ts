import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { contextOf } from "../../src/domain/run.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { ID, type LearnWorld, learnWorld, SHOP } from "../learning/world.ts";

const SESSIONS = 12;
let world: LearnWorld;
beforeEach(() => {
  world = learnWorld();
  mkdirSync(world.home, { recursive: true });
  for (let at = 1; at <= SESSIONS; at += 1) world.claude(ID(at), SHOP);
});
afterEach(() => world.remove());

function start(): ChildProcess {
  const child = join(import.meta.dirname, "learner.child.ts");
  const flags = ["--disable-warning=ExperimentalWarning", "--experimental-strip-types"];
  return spawn(process.execPath, [...flags, child, world.folder], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Resolves with the exit code; null when it was killed. */
function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

async function open(): Promise<Store> {
  return openSqliteStore({ path: join(world.home, "slowwave.db") });
}

/** Exactly one note of each session, one run that made it, and no job that anybody holds. */
async function expectOneNoteEach(store: Store): Promise<void> {
  const notes = await store.memories.select("global", 999);
  expect(notes.map(({ threadId }) => threadId).sort()).toEqual(
    Array.from({ length: SESSIONS }, (_, at) => `claude-${ID(at + 1)}`).sort(),
  );
  const runs = await store.runs.list({ space: "", limit: 9_999 });
  const kept = runs.filter((run) => contextOf(run).status === "succeeded").map((run) => contextOf(run).key);
  expect(new Set(kept).size).toBe(SESSIONS);
  expect(kept.length).toBe(SESSIONS);
  expect(runs.filter(({ state }) => state === "active")).toEqual([]);
  expect((await store.sessions.jobs()).filter(({ status }) => status === "running")).toEqual([]);
}

const STATES = [
  "claiming",
  "locating",
  "reading",
  "weighing",
  "extracting",
  "checking",
  "recording",
  "succeeded",
];

test.each(STATES)(
  "killed -9 as soon as a run is %s, again and again, each session becomes exactly one note",
  async (state) => {
    // Each round another session gets there: the last round nobody is killed.
    for (let round = 0; round <= 3; round += 1) {
      const child = start();
      let seen = 0;
      if (round < 3) {
        createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
          if (line.endsWith(` ${state}`)) seen += 1;
          if (seen === round + 1) child.kill("SIGKILL");
        });
      } else child.stdout?.resume();
      const code = await ended(child);
      if (round === 3) expect(code).toBe(0);
    }
    const store = await open();
    await expectOneNoteEach(store);
    await store.close();
  },
);

test("two processes that learn one home at once make exactly one note of each session", async () => {
  const children = [start(), start()];
  for (const child of children) child.stdout?.resume();
  expect(await Promise.all(children.map(ended))).toEqual([0, 0]);
  const store = await open();
  await expectOneNoteEach(store);
  await store.close();
});
