import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** A program of somebody else, written against the public doors alone. */
const PROGRAM = `
import { createEngine, phase2Machine, SlowwaveError } from "slowwave";
import type { RunEvent } from "slowwave";
import { extractiveAgent, functionAgent } from "slowwave/agents";
import { openMemoryStore } from "slowwave/memory";
import { openPostgresStore } from "slowwave/postgres";
import { openSqliteStore } from "slowwave/sqlite";

const home = process.argv[2] as string;
const store = await openSqliteStore({ path: home + "/slowwave.db" });
await store.memories.upsert("global", [
  { threadId: "t1", sourceUpdatedAt: 1_774_212_000, rawMemory: "- the tests need a database", rolloutSummary: "fixed it" },
]);
const engine = createEngine({ store, agent: extractiveAgent(), home });
await engine.recover();
const events: RunEvent[] = [];
const run = await engine.start({ space: "global" });
run.events$.subscribe((event) => events.push(event));
const result = await run.result;
const live: string | undefined = engine.runs.getSnapshot().context.runs.get(run.id)?.state;
await engine.close();
await store.close();
const noDriver: unknown = await openPostgresStore({ url: "postgres://db.example/memory" }).catch(({ code }) => code);
console.log(JSON.stringify({
  noDriver,
  status: result.status,
  live,
  last: events.at(-1)?.type,
  doors: [phase2Machine.id, typeof functionAgent, typeof openMemoryStore, typeof SlowwaveError],
}));
`;

describe("the packed package in a project of somebody else", () => {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-foreign-"));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

  beforeAll(() => {
    const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
      cwd: resolve("."),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [tarball] = /[\w.-]+\.tgz/.exec(packed) ?? [];
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name: "foreign", private: true, type: "module" }),
    );
    writeFileSync(join(folder, "program.ts"), PROGRAM);
    const { devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
    run(
      "npm",
      "install",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      // A registry that doesn't answer is said in a minute, not after npm's own patience.
      ...["--prefer-offline", "--fetch-retries=1", "--fetch-timeout=30000"],
      `./${tarball}`,
      ...["typescript", "@types/node"].map((name) => `${name}@${devDependencies[name]}`),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("its types hold in a strict program", () => {
    expect(
      run(
        "node_modules/.bin/tsc",
        "--noEmit",
        "--strict",
        "--module",
        "nodenext",
        "--target",
        "es2023",
        "--types",
        "node",
        "program.ts",
      ),
    ).toBe("");
  });

  test("it runs a consolidation through every door", () => {
    const told = run(process.execPath, "program.ts", mkdtempSync(join(folder, "home-")));
    expect(JSON.parse(told)).toEqual({
      noDriver: "postgres_driver_missing",
      status: "succeeded",
      live: "succeeded",
      last: "run.finished",
      doors: ["phase2", "function", "function", "function"],
    });
  });

  test("its command works without the optional packages, and says what a database needs", () => {
    expect(existsSync(join(folder, "node_modules/pg"))).toBe(false);
    expect(existsSync(join(folder, "node_modules/pg-boss"))).toBe(false);
    const home = mkdtempSync(join(folder, "home-"));
    const line = {
      thread_id: "t1",
      source_updated_at: 1_774_212_000,
      raw_memory: "- a",
      rollout_summary: "b",
    };
    writeFileSync(join(folder, "notes.jsonl"), `${JSON.stringify(line)}\n`);
    const slowwave = (...args: string[]) =>
      spawnSync("node_modules/.bin/slowwave", [...args, "--home", home], { cwd: folder, encoding: "utf8" });
    expect(slowwave("import", "notes.jsonl").status).toBe(0);
    expect(slowwave("run").status).toBe(0);
    expect(slowwave("fleet").status).toBe(0);
    const refused = slowwave("worker", "--store", "postgres://someone:hunter2@db.example/memory");
    expect([refused.status, refused.stdout, refused.stderr]).toEqual([
      2,
      "",
      expect.stringContaining("needs the package pg, which is not installed here; run `npm install pg`"),
    ]);
    expect(refused.stderr).not.toContain("hunter2");
  });

  test("its command answers", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(run("node_modules/.bin/slowwave", "--version")).toBe(`${version}\n`);
  });
});
