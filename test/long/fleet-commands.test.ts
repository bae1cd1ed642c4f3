import { describe, expect, onTestFinished, test } from "vitest";
import type { StopSignal } from "../../src/cli/world.ts";
import { commandLine, temporaryFolder } from "../cli/invoke.ts";
import { start } from "../cli/real-process.ts";
import { freshDatabase, sharedCluster } from "../postgres/run.ts";

const NOTE = `${JSON.stringify({
  thread_id: "thread-1",
  source_updated_at: 1_774_000_000,
  raw_memory: "- The user wants the release notes in English.\n",
  rollout_summary: "Wrote release notes.",
})}\n`;

/** Environment of a home, or of a database that keeps everything. */
const STORES: readonly (readonly [string, () => Promise<Record<string, string>>])[] = [
  ["a home", async () => ({})],
  [
    "a database",
    async () => {
      const database = await freshDatabase(await sharedCluster(15));
      onTestFinished(() => database.drop());
      return { SLOWWAVE_STORE: database.url };
    },
  ],
];

describe.each(STORES)("the commands of a fleet on %s", (_, environment) => {
  test("a worker runs what is imported, is seen, answers for its health, and ends by a signal", async () => {
    const env = await environment();
    const folder = temporaryFolder();
    let signal: ((signal: StopSignal) => void) | null = null;
    const onSignal = (listener: (signal: StopSignal) => void) => {
      signal = listener;
      return () => {};
    };
    const { slowwave, json } = commandLine({ env, stdin: [NOTE] }, folder);
    const printed: string[] = [];
    const worker = commandLine({ env, onSignal, onStderr: (text) => printed.push(text) }, folder);
    expect((await slowwave("migrate")).code).toBe(0);
    const ending = worker.json("worker", "--name", "one", "--tenant-limit", "2", "--health", ":0");
    expect(await json("import", "-", "--space", "acme/shop")).toMatchObject({ code: 0 });
    await expect
      .poll(() => printed.join(""), { timeout: 120_000 })
      .toContain("of space acme/shop: succeeded (succeeded)");
    expect(await json("fleet")).toMatchObject({
      code: 0,
      value: {
        workers: [{ name: "one", state: "working", concurrency: 8, limits: { fleet: null, tenant: 2 } }],
        due: 0,
        running: 0,
        oldestDueSeconds: null,
        isPaused: false,
      },
    });
    (signal as ((signal: StopSignal) => void) | null)?.("SIGTERM");
    const { code, value } = await ending;
    expect([code, value]).toEqual([
      143,
      expect.objectContaining({ name: "one", health: expect.any(Number) }),
    ]);
    expect(await json("fleet")).toMatchObject({ value: { workers: [] } });
    expect((await json("status", "--space", "acme/shop")).value).toMatchObject({ job: { status: "done" } });
    expect(printed.join("")).not.toContain("could not go on");
  });

  test("what is paused stays due until it is resumed", async () => {
    const env = await environment();
    const { slowwave, json } = commandLine({ env, stdin: [NOTE] });
    await json("import", "-", "--space", "acme/shop");
    expect(await json("fleet", "pause", "--tenant", "acme")).toEqual({
      code: 0,
      value: { tenant: "acme", isPaused: true },
    });
    expect((await json("fleet")).value).toMatchObject({
      tenants: [{ tenant: "acme", due: 1, isPaused: true }],
    });
    expect((await slowwave("fleet")).stdout).toContain("acme · 0 at work · 1 due");
    expect((await slowwave("fleet", "resume", "--tenant", "acme")).stdout).toBe("Tenant acme goes on.\n");
    expect((await slowwave("fleet", "pause")).stdout).toContain("The fleet is paused");
    expect((await json("fleet")).value).toMatchObject({ isPaused: true, tenants: [{ isPaused: false }] });
  });
});

test("beside a database no folder is laid out, and none is missed: the memory is in a checkout", async () => {
  const database = await freshDatabase(await sharedCluster(15));
  onTestFinished(() => database.drop());
  const { slowwave, json } = commandLine({ env: { SLOWWAVE_STORE: database.url }, stdin: [NOTE] });
  const place = "in the database; `slowwave checkout --to DIR` lays it out";
  await json("import", "-");
  expect((await slowwave("run")).stdout).toContain(place);
  expect((await slowwave("status")).stdout).toContain(place);
  const { value } = await json("doctor");
  const { checks } = value as { checks: readonly { name: string; verdict: string; message: string }[] };
  expect(checks.filter(({ name }) => ["memory root", "generations", "edits"].includes(name))).toMatchObject([
    { name: "memory root", verdict: "ok", message: place },
    { name: "generations", verdict: "ok" },
  ]);
  expect(await json("diff", "--edits")).toMatchObject({
    code: 2,
    value: { error: { code: "store_remote" } },
  });
  expect((await slowwave("diff")).stderr).not.toContain("edited by hand");
});

test("a database that does not answer is waited for, which is said without its password", async () => {
  const store = "postgres://someone:hunter2@127.0.0.1:1/memory";
  const waiting = start(["fleet", "--store", store, "--home", temporaryFolder()]);
  await waiting.said("Waiting for postgres://someone@127.0.0.1:1/memory");
  waiting.process.kill("SIGINT");
  const { stdout, stderr } = await waiting.ended;
  expect(`${stdout}${stderr}`).not.toContain("hunter2");
});

test("a home without a store has nothing to pause", async () => {
  const { json } = commandLine();
  expect(await json("fleet", "pause")).toMatchObject({ code: 2, value: { error: { code: "nothing_here" } } });
});
