import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ID, type LearnWorld, learnWorld, SHOP } from "../learning/world.ts";
import { commandLine } from "./invoke.ts";

let world: LearnWorld;
beforeEach(() => {
  world = learnWorld();
});
afterEach(() => world.remove());

const KEY = `claude-${ID(1)}`;

function here() {
  return commandLine({ env: { PATH: process.env.PATH ?? "" } }, world.folder);
}

test("sessions of three agents become one memory; the second time nothing is due", async () => {
  for (const name of ["claude", "codex", "gemini"] as const) world.sample(name);
  const { slowwave, json } = here();
  const first = await json("learn", "--run", "--idle", "0", "--since", "20d");
  expect(first).toMatchObject({
    code: 0,
    value: { looked: 3, more: 0, run: { status: "succeeded", inputs: 3 } },
  });
  const second = await slowwave("learn", "--run", "--idle", "0");
  expect(second).toMatchObject({ code: 0, stdout: "Nothing is due.\n" });
});

test("each session is told in a sentence, and shown with what its note rests on", async () => {
  world.claude(ID(1), SHOP);
  world.claude(ID(2), SHOP, { at: Date.now() - 1000 });
  const { slowwave, json } = here();
  await slowwave("learn");
  const { value } = await json("sessions");
  const { sessions } = value as { sessions: readonly { key: string; sentence: string }[] };
  expect(sessions.find(({ key }) => key === KEY)?.sentence).toBe("learned");
  expect(sessions.find(({ key }) => key === `claude-${ID(2)}`)?.sentence).toMatch(
    /^waits until .* \(somebody spoke lately\)$/,
  );
  const { stdout } = await slowwave("sessions", "show", KEY);
  expect(stdout).toContain("Always run npm test before you say that something works.");
  expect(stdout).toContain("What it rests on");
});

test("a run that learned a session is shown by it, in the words of phase 1, in `runs`, `runs show` and `watch`", async () => {
  world.claude(ID(1), SHOP);
  world.claude(ID(2), SHOP, { at: Date.now() - 1000 });
  const { slowwave, json } = here();
  await slowwave("learn");
  expect(await json("runs")).toMatchObject({ value: { runs: [] } });
  const { runs } = (await json("runs", "--machine", "phase1")).value as {
    runs: readonly { run: string; session: string; status: string }[];
  };
  expect(new Set(runs.map(({ session, status }) => `${session} ${status}`))).toEqual(
    new Set([`${KEY} succeeded`, `claude-${ID(2)} skipped_not_idle`]),
  );
  const ofKey = runs.find(({ session }) => session === KEY)?.run ?? "";
  const shown = (await slowwave("runs", "show", ofKey)).stdout;
  expect(shown).toContain(`run ${ofKey} of phase 1, session ${KEY} of space global`);
  expect(shown).toMatch(/read +1 turn of a person, 2 tool calls\n/);
  expect(shown).not.toMatch(/inputs/);
  const skipped = runs.find(({ session }) => session !== KEY)?.run ?? "";
  expect((await slowwave("runs", "show", skipped)).stdout).toContain(
    "Somebody spoke lately; it is learned once it is idle",
  );
  expect((await slowwave("watch", ofKey)).stdout).toMatch(new RegExp(`${ofKey} ${KEY} extracting \\(`));
  const [first] = (await slowwave("watch", ofKey, "--json")).stdout.split("\n");
  expect(JSON.parse(first ?? "")).toMatchObject({ space: "global", session: KEY, value: "claiming" });
});

test("a dry run prints the notes and keeps none", async () => {
  world.claude(ID(1), SHOP);
  const { slowwave, json } = here();
  expect((await slowwave("learn", "--dry-run")).stdout).toContain("Always run npm test");
  expect(await json("learn")).toMatchObject({ value: { sessions: [{ key: KEY, status: "succeeded" }] } });
});

test("a file that lies anywhere is learned by its name, and what was purged stays forgotten", async () => {
  const path = world.claude(ID(1), SHOP);
  const copy = join(world.folder, "kept.jsonl");
  cpSync(path, copy);
  const { slowwave, json } = here();
  expect(await json("learn", "--file", copy)).toMatchObject({
    code: 0,
    value: { sessions: [{ status: "succeeded" }] },
  });
  expect((await slowwave("purge", KEY, "--yes")).code).toBe(0);
  expect(await json("learn", "--file", copy)).toMatchObject({
    value: { error: { code: "session_forgotten" } },
  });
  expect(await json("learn")).toMatchObject({ code: 0, value: { sessions: [], forgotten: 1 } });
  expect(await json("sessions")).toMatchObject({ value: { sessions: [] } });
});

test("a session that its agent's hook said is over need not be idle; other notes of hooks only go", async () => {
  for (const at of [1, 2, 3]) world.claude(ID(at), SHOP, { at: Date.now() - 1_000 });
  const { home, json } = here();
  const inbox = join(home, "inbox");
  mkdirSync(inbox, { recursive: true });
  const note = (event: string, session: string) =>
    writeFileSync(
      join(inbox, `claude-${session}.json`),
      JSON.stringify({ agent: "claude", session, event, at: 1 }),
    );
  note("SessionEnd", ID(1));
  note("SessionStart", ID(2));
  writeFileSync(join(inbox, "claude-broken.json"), "{");
  writeFileSync(
    join(inbox, "claude-evil.json"),
    JSON.stringify({ agent: "claude", session: "../../x", event: "SessionEnd" }),
  );
  const { value } = await json("learn");
  const { sessions } = value as { sessions: readonly { key: string; status: string }[] };
  expect(Object.fromEntries(sessions.map(({ key, status }) => [key, status]))).toEqual({
    [KEY]: "succeeded",
    [`claude-${ID(2)}`]: "skipped_not_idle",
    [`claude-${ID(3)}`]: "skipped_not_idle",
  });
  expect(readdirSync(inbox)).toEqual([]);
});

test("an excluded folder is never read until it is taken back", async () => {
  world.claude(ID(1), SHOP);
  const { json } = here();
  expect(await json("exclude", "/home/dev/demo-shop")).toMatchObject({
    value: { excluded: true, learnedBefore: [] },
  });
  expect(await json("learn", "--session", KEY)).toMatchObject({
    code: 0,
    value: { sessions: [{ status: "skipped_excluded" }] },
  });
  expect(await json("exclude", "--list")).toMatchObject({
    value: { exclusions: [{ pattern: "/home/dev/demo-shop" }] },
  });
  expect(await json("exclude", "/home/dev/demo-shop", "--remove")).toMatchObject({
    value: { changed: true },
  });
  expect(await json("learn")).toMatchObject({ value: { sessions: [{ status: "succeeded" }] } });
});

test.each([
  [["learn", "--from", "cursor"], "unknown_agent"],
  [["learn", "--last", "--session", "x"], "invalid_usage"],
  [["learn", "--idle", "soon"], "invalid_usage"],
  [["learn", "--max-tokens", "5"], "invalid_usage"],
  [["learn", "--max-cost", "5"], "invalid_usage"],
  [["learn", "--max-minutes", "none"], "invalid_usage"],
  [["learn", "--session", "nobody"], "session_unknown"],
  [["learn", "--file", "/nowhere/x.jsonl"], "session_gone"],
  [["sessions", "show", "nobody"], "session_unknown"],
  [["exclude"], "invalid_usage"],
])("`slowwave %j` is refused by name", async (args, code) => {
  expect(await here().json(...args)).toMatchObject({
    code: expect.toSatisfy((exit) => exit > 0),
    value: { error: { code } },
  });
});
