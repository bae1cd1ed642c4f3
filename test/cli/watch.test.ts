import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { eventView } from "../../src/server/feed.ts";
import { commitOf, intent, newRun } from "../../src/testing/store/given.ts";
import { commandLine, line, signals, temporaryFolder } from "./invoke.ts";

const two = [`${line({ thread_id: "a" })}\n${line({ thread_id: "b" })}\n`];

/** The log of the home as it is stored. */
async function storedLog(home: string) {
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  const rows = await store.runs.log({ after: 0, limit: 10_000 });
  await store.close();
  return rows;
}

/** A home with a run that another process left in the middle. */
async function leftRun(
  folder: string,
  more: (store: Awaited<ReturnType<typeof openSqliteStore>>) => Promise<unknown>,
) {
  await commandLine({ stdin: two }, folder).slowwave("import", "-");
  const store = await openSqliteStore({ path: join(folder, "home", "slowwave.db") });
  await store.runs.create(
    newRun(),
    commitOf(0, { value: "supervising", snapshot: '{"value":"supervising","context":{}}' }),
  );
  await more(store);
  await store.close();
}

describe("slowwave watch", () => {
  test("of one run tells it from its beginning to its end: a line a step, or with --json a document a row", async () => {
    const { slowwave, home } = commandLine({ stdin: two });
    await slowwave("import", "-");
    await slowwave("run");
    const log = await storedLog(home);
    const { code, stdout } = await slowwave("watch", "last");
    const told = stdout.split("\n").flatMap((said) => /global (\S+) \(/.exec(said)?.[1] ?? []);
    expect([code, told]).toEqual([0, log.flatMap(({ value }) => value ?? [])]);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \w+ global claiming \(xstate\.init\)\n/);
    const json = await slowwave("watch", "last", "--json");
    const documents = json.stdout
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    expect(documents).toEqual(log.map((row) => ({ space: "global", ...eventView(row) })));
  });

  test("of a space follows what another command does, until a signal ends it", async () => {
    const folder = temporaryFolder();
    const { slowwave, home } = commandLine({ stdin: two }, folder);
    await slowwave("import", "-");
    const { onSignal, send } = signals();
    const stdout = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        heard += chunk.toString();
        if (/"value":"succeeded"/.test(heard)) send("SIGINT");
        done();
      },
    });
    let heard = "";
    let begun: () => void = () => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const watching = main({
      argv: ["watch", "--json"],
      env: { HOME: folder, SLOWWAVE_HOME: home },
      cwd: folder,
      stdin: Readable.from([]),
      stdout,
      stderr: new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          if (chunk.toString().startsWith("Watching")) begun();
          done();
        },
      }),
      nowMs: Date.now,
      onSignal,
      exit: () => {},
    });
    await hasBegun;
    await slowwave("run");
    expect(await watching).toBe(130);
    const told = heard
      .trimEnd()
      .split("\n")
      .map((text) => (JSON.parse(text) as { id: number }).id);
    expect(told).toEqual((await storedLog(home)).map(({ id }) => id));
  });

  test("draws in a terminal where the run is, who holds it and what it has used", async () => {
    const folder = temporaryFolder();
    await leftRun(folder, (store) =>
      store.runs.note("run-1", {
        atMs: 1,
        type: "agent.message",
        data: { text: "reading \u001b[31mthe\nnotes" },
      }),
    );
    const { onSignal, send } = signals();
    let drawn = "";
    const terminal = () =>
      Object.assign(
        new Writable({
          write: (chunk: Buffer, _encoding, done) => {
            drawn += chunk.toString();
            if (/agent +/.test(drawn)) send("SIGTERM");
            done();
          },
        }),
        { isTTY: true, columns: 100, rows: 40 },
      );
    const code = await main({
      argv: ["watch"],
      env: { HOME: folder, SLOWWAVE_HOME: join(folder, "home"), TERM: "xterm" },
      cwd: folder,
      stdin: Readable.from([]),
      stdout: terminal(),
      stderr: terminal(),
      nowMs: () => newRun().createdAtMs + 61_000,
      onSignal,
      exit: () => {},
    });
    expect(code).toBe(143);
    expect(drawn).toContain("run run-1");
    expect(drawn).toMatch(/state.*supervising/);
    expect(drawn).toContain("its process is dead");
    // The agent's own escape is shown, not obeyed.
    expect(drawn).toContain("reading \u{fffd}[31mthe notes");
  });

  test("`runs show` names the actors of an unfinished run, child machines with their states", async () => {
    const folder = temporaryFolder();
    await leftRun(folder, (store) =>
      store.runs.commit({
        ...commitOf(1, { value: "supervising", snapshot: '{"value":"supervising","context":{}}' }),
        intents: [intent("run-1/1/watchAgent")],
        actors: [
          {
            key: "shipment",
            snapshot: JSON.stringify({
              src: "shipment",
              state: { status: "active", value: { on: "its way" } },
            }),
            intents: [],
          },
        ],
      }),
    );
    const { stdout } = await commandLine({}, folder).slowwave("runs", "show", "run-1");
    expect(stdout).toMatch(/\nactors\n {2}shipment {4}on\.its way\n {2}watchAgent {2}at work\n/);
  });

  test("doctor tells of unfinished runs of another version, and what that version is", async () => {
    const folder = temporaryFolder();
    await leftRun(folder, (store) =>
      store.runs.create(
        { ...newRun({ id: "run-2" }), machine: "phase2", version: "0-old" },
        commitOf(0, { run: "run-2", value: "claiming", snapshot: '{"value":"claiming","context":{}}' }),
      ),
    );
    const { value } = await commandLine({}, folder).json("doctor");
    const { checks } = value as { checks: readonly { name: string; message: string }[] };
    expect(checks.filter(({ name }) => name === "runs").map(({ message }) => message)).toContainEqual(
      expect.stringMatching(
        /^\d unfinished runs? (?:is|are) of another version \(.*0-old.*\) than this one \(/,
      ),
    );
  });

  test("says that there is nothing to watch where nothing was ever kept", async () => {
    expect(await commandLine().json("watch")).toMatchObject({
      code: 2,
      value: { error: { code: "nothing_kept" } },
    });
  });
});
