import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { session } from "../engine/phase2-world.ts";
import { bundled } from "./bundled.ts";

const folder = mkdtempSync(join(tmpdir(), "slowwave-lost-machine-"));
let program = "";
beforeAll(async () => {
  program = await bundled("test/long/lost-machine.child.ts", join(folder, "program"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Until it ends, or is killed by its own hand when it comes to this state. */
function machine(database: string, home: string, state = ""): Promise<string> {
  const child = spawn(process.execPath, [program, database, home, state], { stdio: "pipe" });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  return new Promise((done) => child.on("close", (_, signal) => done(`${text}${signal ?? ""}`.trim())));
}

const LOST = "machine_lost\nsucceeded";

test.each([
  ["configuring", "succeeded"],
  ["loading", "succeeded"],
  ["syncing.summaries", "succeeded"],
  ["syncing.rawMemories", LOST],
  ["spawning", LOST],
  ["supervising", LOST],
  ["verifying", LOST],
  ["publishing.confirming", LOST],
  ["publishing.committing", LOST],
  ["succeeding.closing", "succeeded"],
  ["succeeding.recording", "succeeded"],
])(
  "killed with -9 in %s, its disk removed: the other machine ends with %j, one generation, no retry lost",
  async (state, ends) => {
    const place = mkdtempSync(join(folder, "place-"));
    const database = join(place, "slowwave.db");
    const store = await openSqliteStore({ path: database });
    await store.memories.upsert("global", [session(1)]);
    expect(await machine(database, join(place, "a"), state)).toBe("SIGKILL");
    rmSync(join(place, "a"), { recursive: true });
    expect(await machine(database, join(place, "b"))).toBe(ends);
    const row = await store.jobs.read("global");
    const generations = await store.generations.list("global", 9);
    await store.close();
    expect([row?.status, row?.retry_remaining, generations.length]).toEqual(["done", 3, 1]);
    expect(existsSync(join(place, "b", "memories", "MEMORY.md"))).toBe(true);
    expect(existsSync(join(place, "a"))).toBe(false);
  },
);
