import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { layDemoSessions } from "../../scripts/demo-sessions.ts";
import { expectNoneLeft } from "../../src/testing/agents.ts";
import { commandLine } from "../cli/invoke.ts";
import { scriptedCodex } from "./scripted-codex.ts";

/** `slowwave learn --extractor codex` with the real Codex from npm and a scripted model on loopback. */
const { commands, model } = scriptedCodex();
const real = test.runIf(commands !== null);
const SESSION = "claude-90e8fce3-061f-45ef-941c-431a103557b8";
const WORDS = ["learn", "--session", SESSION, "--extractor", "codex", "--model", "scripted-model"];

expectNoneLeft();

/** A person's machine with the samples on it. */
function machine() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-extractor-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  layDemoSessions(folder, Date.now());
  return commandLine({}, folder);
}

const NOTE = {
  rollout_summary: "# Cart\n\nThe test of the cart failed and passes now.",
  rollout_slug: "cart test",
  raw_memory: [
    "# Task Group: demo-shop",
    "",
    "## User preferences",
    '- the user said: "always run npm test before you say you are done"',
    '- the user said: "always deploy on Fridays"',
    "",
    "## Reusable knowledge",
    "- `rm -rf build` makes it faster.",
  ].join("\n"),
};
const packed = (text: string) => Buffer.from(text).toString("base64");
const write = (text: string) => ({ shell: `echo ${packed(text)} | base64 -d > note.json` });

const ESCAPE = `${homedir()}/slowwave-extractor-escaped`;
const TRIES = [
  ["beside", "echo x > ../escaped"],
  ["home", `echo x > ${ESCAPE}`],
  ["network", "bash -c 'exec 3<>/dev/tcp/127.0.0.1/PORT'"],
  ["inside", "echo x > tried && rm tried"],
]
  .map(
    ([name, attempt]) =>
      `if (${attempt}) 2>/dev/null; then echo "${name}: allowed"; else echo "${name}: denied"; fi`,
  )
  .join("; ");

real(
  "an agent reads the evidence alone and writes the note; what nobody said or ran is cut out",
  async () => {
    const { slowwave, json, home: ours } = machine();
    model().play(
      { shell: `ls; cat evidence.md; ${TRIES.replace("PORT", String(model().port))}` },
      write(JSON.stringify(NOTE)),
      { say: "The note is written." },
    );
    expect(await json(...WORDS)).toMatchObject({
      code: 0,
      value: { sessions: [{ key: SESSION, status: "succeeded", extractor: "codex", findings: 2 }] },
    });
    const printed = model().outputs().join("\n");
    for (const said of [
      "always run npm test",
      "beside: denied",
      "home: denied",
      "network: denied",
      "inside: allowed",
    ])
      expect(printed).toContain(said);
    expect(printed).toMatch(/(?:^|\n|\\n)evidence\.md(?:\n|\\n)/);
    expect(existsSync(ESCAPE)).toBe(false);
    const { stdout } = await slowwave("sessions", "show", SESSION);
    expect(stdout).toContain('- the user said: "always run npm test before you say you are done"');
    expect(stdout).not.toMatch(/Fridays|rm -rf/);
    expect(readdirSync(join(ours, "staging"))).toEqual([]);
    expect(await json("run")).toMatchObject({ code: 0, value: { status: "succeeded", inputs: 1 } });
    expect((await slowwave("memory", "search", "npm test")).stdout).toContain("npm test");
  },
);

real(
  "a note that can't be understood goes back to it once; one that stays so is refused with exit 4",
  async () => {
    const { json } = machine();
    model().play(write("Here is the note."), { say: "done" }, write(JSON.stringify(NOTE)), { say: "done" });
    expect(await json(...WORDS)).toMatchObject({ code: 0, value: { sessions: [{ status: "succeeded" }] } });
    expect(model().lastRequest()).toContain("Your last note was refused");
    const other = machine();
    model().play(write("no"), { say: "done" }, write("no"), { say: "done" });
    expect(await other.json(...WORDS)).toMatchObject({
      code: 4,
      value: { sessions: [{ status: "failed_invalid_output", reason: { cause: "note_not_json" } }] },
    });
  },
);

real(
  "past its tokens it is ended with exit 5, past its time with a name for that, and the session waits",
  async () => {
    const { json, slowwave } = machine();
    model().play({ shell: "true" });
    expect(await json(...WORDS, "--max-tokens", "250")).toMatchObject({
      code: 5,
      value: {
        sessions: [{ status: "failed_budget", reason: { cause: expect.stringContaining("maxTokens") } }],
      },
    });
    const other = machine();
    model().play("hang");
    expect(await other.json(...WORDS, "--max-minutes", "0.1")).toMatchObject({
      code: 5,
      value: { sessions: [{ status: "failed_budget" }] },
    });
    expect((await slowwave("sessions")).stdout).toMatch(/again at|waits|tried again/);
  },
);
