import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { HAS_PROC } from "../../src/process/process-record.ts";
import { processesOf } from "../cli/real-process.ts";
import { session } from "../engine/phase2-world.ts";
import { bundled } from "./bundled.ts";

const folder = mkdtempSync(join(tmpdir(), "slowwave-two-adopters-"));
let [program, agent] = ["", ""];
beforeAll(async () => {
  program = await bundled("test/long/two-adopters.child.ts", join(folder, "program"));
  agent = await bundled("test/long/two-adopters-agent.child.ts", join(folder, "agent"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process of the home that waits for its word. */
function processIn(home: string, does: "begin" | "recover") {
  const child: ChildProcess = spawn(process.execPath, [program, home, does, agent], { stdio: "pipe" });
  let text = "";
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      for (const look of waiting) look();
    });
  const ended = new Promise<string>((done) => child.on("close", () => done(text)));
  const said = (word: string) =>
    new Promise<void>((seen, missed) => {
      const look = () => text.includes(word) && seen();
      waiting.add(look);
      look();
      void ended.then(() => missed(new Error(`never said ${word}: ${text}`)));
    });
  return { child, ended, said, go: () => child.stdin?.write("go\n") };
}

/** How many have begun to work so far. */
function agentsIn(home: string): number {
  const journal = join(home, "agents");
  return existsSync(journal) ? readFileSync(journal, "utf8").trim().split("\n").length : 0;
}

/** Whether the database could be written. */
function endLease(home: string): boolean {
  const db = new Database(join(home, "slowwave.db"), { timeout: 0 });
  try {
    db.prepare("update jobs set lease_until = 0").run();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "SQLITE_BUSY") return false;
    throw error;
  } finally {
    db.close();
  }
}

/** Two runs of one space whose processes are dead: the first was paused until its lease was over, the second took the space. */
async function twoDeadRuns(home: string): Promise<void> {
  writeFileSync(join(home, "hang"), "");
  const paused = processIn(home, "begin");
  await paused.said("ready");
  paused.go();
  await expect.poll(() => agentsIn(home)).toBe(1);
  // Paused inside of a write it would keep the database to itself: then it goes on for a moment.
  paused.child.kill("SIGSTOP");
  while (!endLease(home)) {
    paused.child.kill("SIGCONT");
    await turn();
    paused.child.kill("SIGSTOP");
  }
  const second = processIn(home, "begin");
  await second.said("ready");
  second.go();
  await expect.poll(() => agentsIn(home)).toBe(2);
  paused.child.kill("SIGKILL");
  second.child.kill("SIGKILL");
  await Promise.all([paused.ended, second.ended]);
  rmSync(join(home, "hang"));
}

test.runIf(HAS_PROC).each([1, 2, 3, 4, 5])(
  "two processes that find two dead runs of a space at once end both, with one agent at a time, one generation and nothing left (%i)",
  async (trial) => {
    const home = mkdtempSync(join(folder, `home-${trial}-`));
    const store = await openSqliteStore({ path: join(home, "slowwave.db") });
    await store.memories.upsert("global", [session(1)]);
    await twoDeadRuns(home);
    expect((await store.runs.unfinished({ limit: 10 })).length).toBe(2);

    const both = [processIn(home, "recover"), processIn(home, "recover")];
    await Promise.all(both.map(({ said }) => said("ready")));
    for (const { go } of both) go();
    const printed = (await Promise.all(both.map(({ ended }) => ended))).join("");
    // Whoever came to a run that its peer was about to take has the rest.
    for (let more = 0; (await store.runs.unfinished({ limit: 10 })).length > 0 && more < 3; more += 1) {
      const third = processIn(home, "recover");
      await third.said("ready");
      third.go();
      await third.ended;
    }

    const runs = await store.runs.list({ limit: 10 });
    const row = await store.jobs.read("global");
    const generations = await store.generations.list("global", 10);
    await store.close();
    expect({ printed, states: runs.map(({ state }) => state) }).toEqual({
      printed,
      states: ["done", "done"],
    });
    expect([row?.status, generations.length]).toEqual(["done", 1]);
    const overlaps = join(home, "overlaps");
    expect({ printed, overlaps: existsSync(overlaps) ? readFileSync(overlaps, "utf8") : "" }).toEqual({
      printed,
      overlaps: "",
    });
    expect(agentsIn(home)).toBe(3);
    expect(readdirSync(join(home, "staging"))).toEqual([]);
    expect(processesOf(home)).toEqual([]);
  },
);
