import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isOwnSession, listSessions, READERS, transcriptAt } from "../../src/transcripts/index.ts";
import { freshFolder, jsonLines, lay, listed, readAll, readAt, sampleText, talk } from "./samples.ts";

const ID = "90e8fce3-061f-45ef-941c-431a103557b8";
const OTHER = "11111111-061f-45ef-941c-431a103557b8";

/** Lines of Claude Code in one session. */
function claudeFile(...lines: readonly object[]): string {
  return jsonLines(
    ...lines.map((line, at) => ({
      sessionId: ID,
      uuid: `u${at}`,
      cwd: "/w/shop",
      timestamp: "2026-11-27T10:00:00Z",
      ...line,
    })),
  );
}

function user(content: unknown, more: object = {}): object {
  return { type: "user", message: { role: "user", content }, ...more };
}

async function claudeTalk(...lines: readonly object[]): Promise<readonly string[]> {
  const folder = freshFolder();
  lay(folder, { [`${ID}.jsonl`]: claudeFile(...lines) });
  return talk((await readAt(join(folder, `${ID}.jsonl`))).utterances);
}

function codexFile(...lines: readonly object[]): string {
  const head = {
    type: "session_meta",
    payload: { id: "01a21e3e-5bad-7003-98f7-5fe89757bd4c", cwd: "/w", source: "cli" },
  };
  return jsonLines(...[head, ...lines].map((line) => ({ timestamp: "2026-11-27T10:00:00Z", ...line })));
}

function codexSays(role: string, text: string, more: object = {}): object {
  return { type: "response_item", payload: { type: "message", role, content: [{ text }], ...more } };
}

async function codexTalk(...lines: readonly object[]): Promise<readonly string[]> {
  const folder = freshFolder();
  lay(folder, { "rollout.jsonl": codexFile(...lines) });
  return talk((await readAt(join(folder, "rollout.jsonl"))).utterances);
}

test("a resumed Gemini session is one session: the longer of the two files that share its id", async () => {
  const home = freshFolder();
  lay(join(home, ".gemini/tmp/shop"), {
    "chats/session-2026-11-27T18-24-5d555983.jsonl": sampleText("gemini-cli-0.61.0-resume-stub.jsonl"),
    "chats/session-2026-11-27T18-23-5d555983.jsonl": sampleText("gemini-cli-0.61.0-resumed.jsonl"),
  });
  const files = await listed(listSessions({ env: {}, home, platform: "linux" }));
  expect(files.map(({ key, path }) => [key, path.includes("18-23")])).toEqual([
    ["gemini-5d555983-fcd6-4bcb-af12-53bc57722e70", true],
  ]);
});

test("a person is heard in a Codex session without an event of their turn, and its source may be an object", async () => {
  expect(await codexTalk(codexSays("user", "Fix it."), codexSays("assistant", "Done."))).toEqual([
    "person: Fix it.",
    "final: Done.",
  ]);
  const folder = freshFolder();
  const source = { subagent: { thread_spawn: { parent_thread_id: OTHER, depth: 1 } } };
  const meta = { type: "session_meta", payload: { id: ID, cwd: "/w", cli_version: "0.169.0", source } };
  lay(folder, { "a.jsonl": jsonLines(meta) });
  const session = await READERS.codex.describe(await transcriptAt(join(folder, "a.jsonl")));
  expect([session.kind, session.parent, session.headless]).toEqual(["helper", OTHER, true]);
});

test("what programs put in a person's place is no person's: orders to helpers, notifications, summaries, commands", async () => {
  const said = await claudeTalk(
    user("Use a helper."),
    user("List the tests.", { isSidechain: true }),
    user("<task-notification>\nfound one\n</task-notification>", { promptSource: "system" }),
    user("Told before.", { isCompactSummary: true }),
    user("Caveat.", { isMeta: true }),
    user("<command-name>/compact</command-name>"),
    user("<local-command-stdout>Compacted</local-command-stdout>"),
    user([
      { type: "text", text: "<ide_opened_file>x</ide_opened_file>" },
      { type: "text", text: "Now fix it." },
    ]),
  );
  expect(said.filter((line) => line.startsWith("person"))).toEqual([
    "person: Use a helper.",
    "person: Now fix it.",
  ]);
  const codex = await codexTalk(
    codexSays("user", "<environment_context>\n</environment_context>"),
    codexSays("user", "# AGENTS.md instructions for /w\nalways lie"),
    codexSays("user", "<skill>x</skill>"),
    codexSays("user", "<turn_aborted>"),
    codexSays("user", "<subagent_notification>ok</subagent_notification>"),
    codexSays(
      "user",
      "# Context from my IDE setup:\n\n## Open tabs:\n- a.ts\n\n## My request for Codex:\nRename it.",
    ),
    codexSays("user", "by a hook", {
      internal_chat_message_metadata_passthrough: {
        content_item_metadata: [{ provenance: { type: "harness", hook: true } }],
      },
    }),
  );
  expect(codex.filter((line) => line.startsWith("person"))).toEqual(["person: Rename it."]);
});

test("what a person typed while Claude worked stands in an attachment, and is heard", async () => {
  const queued = {
    type: "attachment",
    attachment: { type: "queued_command", prompt: "Never push.", commandMode: "prompt" },
  };
  const news = {
    type: "attachment",
    attachment: { type: "queued_command", prompt: "<task-notification>x", commandMode: "task-notification" },
  };
  expect(await claudeTalk(user("Fix it."), queued, news)).toEqual(["person: Fix it.", "person: Never push."]);
});

test("half a line at the end is left for later, a broken one within is counted, neither ends the reading", async () => {
  const folder = freshFolder();
  const whole = claudeFile(user("One."), user("Two."));
  const [first = "", second = ""] = whole.split("\n");
  lay(folder, { [`${ID}.jsonl`]: `${first}\n{"type": broken}\n${second}\n${second.slice(0, 40)}` });
  const { utterances, report } = await readAt(join(folder, `${ID}.jsonl`));
  expect(talk(utterances)).toEqual(["person: One.", "person: Two."]);
  expect([report.broken, report.lines]).toEqual([1, 3]);
  expect(report.readTo).toBe(Buffer.byteLength(`${first}\n{"type": broken}\n${second}\n`));
});

test("a session that our own agents made is known by its folder, by real path, also when that is gone", () => {
  const home = freshFolder();
  lay(home, { "real/staging/run/x": "" });
  symlinkSync(join(home, "real"), join(home, "link"));
  expect(
    [join(home, "real/staging/run"), join(home, "link/staging/gone/deep"), join(home, "real/staging")].map(
      (cwd) => isOwnSession(cwd, [join(home, "link")]),
    ),
  ).toEqual([true, true, true]);
  expect(isOwnSession(join(home, "link/staging/gone/deep"), [join(home, "real")])).toBe(true);
  expect(
    [join(home, "real"), join(home, "real/staging-2"), "/w/shop", "", null].map((cwd) =>
      isOwnSession(cwd, [join(home, "link")]),
    ),
  ).toEqual([false, false, false, false, false]);
});

test("a headless session says so, an interactive one, too, and who does not say is not guessed", async () => {
  const folder = freshFolder();
  const headless = async (name: string, text: string) => {
    lay(folder, { [name]: text });
    const file = await transcriptAt(join(folder, name));
    return (await READERS[file.agent].describe(file)).headless;
  };
  expect(await headless("a.jsonl", claudeFile(user("x", { entrypoint: "sdk-cli" })))).toBe(true);
  expect(await headless("b.jsonl", claudeFile(user("x", { entrypoint: "cli" })))).toBe(false);
  expect(await headless("c.jsonl", claudeFile(user("x")))).toBe(null);
  const meta = (source: string) => jsonLines({ type: "session_meta", payload: { id: ID, source } });
  expect(await headless("d.jsonl", meta("exec"))).toBe(true);
  expect(await headless("e.jsonl", meta("vscode"))).toBe(false);
});

test("what a fork copied from its parent is the parent's, not said again", async () => {
  const copied = { uuid: "old", forkedFrom: { sessionId: OTHER, messageUuid: "old" } };
  expect(
    await claudeTalk(
      user("Parent's.", copied),
      user("Also the parent's.", { sessionId: OTHER }),
      user("Own."),
      user("Own.", { uuid: "u2" }),
    ),
  ).toEqual(["person: Own."]);
  const own = "01a21e3e-5bad-7003-98f7-5fe89757bd4c";
  const turn = (id: string) => ({ type: "turn_context", payload: { turn_id: id, cwd: "/w" } });
  const fork = { type: "session_meta", payload: { id: own, forked_from_id: OTHER, source: "cli" } };
  expect(
    await codexTalk(
      fork,
      { type: "session_meta", payload: { id: OTHER, source: "cli" } },
      turn("01a21e3d-0000-7000-8000-000000000000"),
      codexSays("user", "Parent's."),
      turn("01a21e3f-0000-7000-8000-000000000000"),
      codexSays("user", "Own."),
    ),
  ).toEqual(["person: Own."]);
});

test("turns that a person took back are not told: Codex's rollback, Gemini's rewind, OpenCode's revert", async () => {
  expect(
    await codexTalk(
      codexSays("user", "First."),
      codexSays("user", "Second."),
      codexSays("assistant", "Wrong."),
      { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: 1 } },
      codexSays("user", "Third."),
    ),
  ).toEqual(["person: First.", "person: Third."]);
  const folder = freshFolder();
  const message = (id: string, text: string) => ({
    id,
    timestamp: "2026-11-27T10:00:00Z",
    type: "user",
    content: [{ text }],
  });
  lay(folder, {
    "session-1.jsonl": jsonLines(
      { sessionId: "abc", projectHash: "0", startTime: "2026-11-27T10:00:00Z" },
      message("1", "First."),
      message("2", "Second."),
      { $rewindTo: "2" },
      message("3", "Third."),
      message("1", "First, said better."),
    ),
  });
  expect(talk((await readAt(join(folder, "session-1.jsonl"))).utterances)).toEqual([
    "person: First, said better.",
    "person: Third.",
  ]);
  const document = JSON.parse(sampleText("opencode-1.18.33-export.json")) as {
    info: object;
    messages: { info: { id: string } }[];
  };
  const reverted = {
    ...document,
    info: { ...document.info, revert: { messageID: document.messages.at(-2)?.info.id } },
  };
  lay(folder, { "export.json": JSON.stringify(reverted) });
  const persons = (await readAt(join(folder, "export.json"))).utterances.filter(
    ({ tier }) => tier === "person",
  );
  expect(persons.map(({ text }) => text.slice(0, 20))).toEqual(["The cart test fails "]);
});

test("a tool's end is told by each agent in its own way", async () => {
  const claude = await claudeTalk(
    {
      type: "assistant",
      message: {
        id: "m",
        content: [
          { type: "tool_use", id: "1", name: "Bash", input: { command: "make" } },
          { type: "tool_use", id: "2", name: "Edit", input: { file_path: "/w/a.ts" } },
          { type: "tool_use", id: "3", name: "Bash", input: { command: "wait" } },
        ],
      },
    },
    user([{ type: "tool_result", tool_use_id: "1", content: "Exit code 2", is_error: true }]),
    user([{ type: "tool_result", tool_use_id: "2", content: "ok" }]),
  );
  expect(claude).toEqual([
    "tool Bash (failed): make",
    'tool Edit (ok) [/w/a.ts]: {"file_path":"/w/a.ts"}',
    "tool Bash (unknown): wait",
  ]);
  const call = (id: string, name: string, args: unknown) => ({
    type: "response_item",
    payload: { type: "function_call", call_id: id, name, arguments: JSON.stringify(args) },
  });
  const output = (id: string, text: unknown) => ({
    type: "response_item",
    payload: { type: "function_call_output", call_id: id, output: text },
  });
  const patch = "*** Begin Patch\n*** Update File: src/a.ts\n@@\n*** Add File: src/b.ts\n*** End Patch";
  expect(
    await codexTalk(
      call("1", "exec_command", { cmd: "make" }),
      output("1", "Wall time: 1\nProcess exited with code 2\nOutput:\nno rule"),
      call("2", "shell", { command: ["bash", "-lc", "ls | wc"] }),
      output("2", JSON.stringify({ output: "3", metadata: { exit_code: 0 } })),
      {
        type: "response_item",
        payload: { type: "custom_tool_call", call_id: "3", name: "apply_patch", input: patch },
      },
      {
        type: "response_item",
        payload: { type: "custom_tool_call_output", call_id: "3", output: "Exit code: 0\nOutput:\nSuccess" },
      },
    ),
  ).toEqual([
    "tool exec_command (failed): make",
    "tool shell (ok): ls | wc",
    "tool apply_patch (ok) [src/a.ts, src/b.ts]: *** Begin Patch",
  ]);
});

test("an answer before a tool or another answer is on the way, the last one before a person's turn is final", async () => {
  const says = (id: string, text: string) => ({
    type: "assistant",
    message: { id, content: [{ type: "text", text }] },
  });
  expect(
    await claudeTalk(
      user("Fix."),
      says("a", "Looking."),
      says("b", "Found."),
      says("b", "It was 7."),
      user("Thanks."),
      says("c", "Bye."),
    ),
  ).toEqual(["person: Fix.", "commentary: Looking.", "final: Found.", "person: Thanks.", "final: Bye."]);
});

test("older layouts are read: Gemini's document under a hash, OpenCode's folders", async () => {
  const home = freshFolder();
  const hash = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069";
  lay(home, {
    [`.gemini/tmp/${hash}/chats/session-2025-09-01T10-00-abcd.json`]: JSON.stringify({
      sessionId: "old-1",
      projectHash: hash,
      startTime: "2025-09-01T10:00:00Z",
      messages: [
        { id: "1", timestamp: "2025-09-01T10:00:01Z", type: "user", content: "Fix it." },
        { id: "2", timestamp: "2025-09-01T10:00:09Z", type: "gemini", content: "Fixed." },
      ],
    }),
    ".gemini/projects.json": JSON.stringify({ "Hello World!": "x" }),
    ".local/share/opencode/storage/session/p/ses_1.json": JSON.stringify({
      id: "ses_1",
      directory: "/w/shop",
      version: "0.9",
      time: { created: 1756720800000, updated: 1756720900000 },
    }),
    ".local/share/opencode/storage/message/ses_1/msg_1.json": JSON.stringify({
      id: "msg_1",
      role: "user",
      time: { created: 1756720801000 },
    }),
    ".local/share/opencode/storage/message/ses_1/msg_2.json": JSON.stringify({
      id: "msg_2",
      role: "assistant",
      time: { created: 1756720802000 },
    }),
    ".local/share/opencode/storage/part/msg_1/prt_1.json": JSON.stringify({
      id: "prt_1",
      type: "text",
      text: "Fix it.",
    }),
    ".local/share/opencode/storage/part/msg_1/prt_2.json": JSON.stringify({
      id: "prt_2",
      type: "text",
      text: "Read a file",
      synthetic: true,
    }),
    ".local/share/opencode/storage/part/msg_2/prt_3.json": JSON.stringify({
      id: "prt_3",
      type: "text",
      text: "Fixed.",
    }),
  });
  const files = await listed(listSessions({ env: {}, home, platform: "linux" }));
  const told = await Promise.all(
    files.map(async (file) => [
      file.key,
      (await READERS[file.agent].describe(file)).cwd,
      talk((await readAll(file)).utterances),
    ]),
  );
  expect(told).toEqual([
    ["gemini-old-1", "Hello World!", ["person: Fix it.", "final: Fixed."]],
    ["opencode-ses_1", "/w/shop", ["person: Fix it.", "context: Read a file", "final: Fixed."]],
  ]);
});
