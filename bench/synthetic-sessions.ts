import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Random, seededRandom } from "../src/eval/vocabulary.ts";

export interface SyntheticSessions {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Lays sessions of Claude Code and Codex, half each, below a home: a person's order, commands with much output, an
 * answer, a correction. As in real ones most bytes are no conversation. The same seed gives the same sessions.
 */
export function laySyntheticSessions(
  home: string,
  { count, bytes, now, seed = 1 }: { count: number; bytes: number; now: number; seed?: number },
): SyntheticSessions {
  const random = seededRandom(seed);
  let written = 0;
  for (let at = 0; at < count; at += 1) {
    const start = now - 86_400_000 - (count - at) * 60_000;
    const talk = {
      random,
      start,
      bytes: Math.floor(bytes / count),
      project: `/srv/project-${at % 20}`,
      id: idOf(random),
    };
    const { path, text } = at % 2 === 0 ? claudeSession(talk) : codexSession(talk);
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
    utimesSync(join(home, path), start / 1_000 + 600, start / 1_000 + 600);
    written += Buffer.byteLength(text);
  }
  return { count, bytes: written };
}

interface Talk {
  readonly random: Random;
  readonly start: number;
  readonly bytes: number;
  readonly project: string;
  readonly id: string;
}

const NOUNS = "cart order invoice login session queue cache index report export import mailer".split(" ");
const RULES = [
  "Always run npm test before you say you are done.",
  "Never touch the generated files in this repo.",
  "From now on keep every function under forty lines.",
  "In this project always write commit messages in the imperative mood.",
];

function wordsOf({ random }: Talk) {
  const noun = random.pick(NOUNS);
  return {
    order: `The ${noun} test fails since the last change. Find out why and fix it. ${random.pick(RULES)}`,
    answer: `The ${noun} reads its limit from config/${noun}.json, because the default is ${random.between(2, 900)} seconds.`,
    thanks: `No, call it ${noun}Limit and leave the old name as an alias.`,
    file: `src/${noun}.ts`,
  };
}

/** Output of a test runner, as long as is wanted. */
function outputOf({ random }: Talk, bytes: number, failed: boolean): string {
  const lines: string[] = [];
  for (let length = 0; length < bytes; length += lines.at(-1)?.length ?? 0)
    lines.push(
      `ok ${lines.length + 1} - keeps the ${random.pick(NOUNS)} at ${random.between(1, 99_999)} of ${random.next()}`,
    );
  const tail = failed ? "Error: expected 6 but got 7\n# pass 11\n# fail 1" : "# pass 12\n# fail 0";
  return `${lines.join("\n")}\n${tail}`;
}

function claudeSession(talk: Talk): { path: string; text: string } {
  const { id, project, random } = talk;
  const words = wordsOf(talk);
  let clock = talk.start;
  const common = () => {
    clock += 9_000;
    const timestamp = new Date(clock).toISOString();
    return {
      uuid: idOf(random),
      timestamp,
      cwd: project,
      sessionId: id,
      version: "2.1.328",
      gitBranch: "main",
      entrypoint: "cli",
      isSidechain: false,
    };
  };
  const user = (content: unknown, more = {}) => ({
    type: "user",
    message: { role: "user", content },
    ...more,
    ...common(),
  });
  const agent = (...content: unknown[]) => ({
    type: "assistant",
    message: { role: "assistant", id: idOf(random), content },
    ...common(),
  });
  const run = (command: string, output: string, failed: boolean) => {
    const call = idOf(random);
    return [
      agent({ type: "tool_use", id: call, name: "Bash", input: { command } }),
      user([{ type: "tool_result", tool_use_id: call, content: output, is_error: failed }]),
    ];
  };
  const noise = {
    type: "api-request-blob",
    sessionId: id,
    hash: id,
    message: "x".repeat(Math.floor(talk.bytes * 0.6)),
  };
  const edit = idOf(random);
  const lines = [
    user(words.order),
    noise,
    ...run("npm test", outputOf(talk, talk.bytes * 0.15, true), true),
    agent({
      type: "tool_use",
      id: edit,
      name: "Edit",
      input: { file_path: `${project}/${words.file}`, old_string: "7", new_string: "6" },
    }),
    user([{ type: "tool_result", tool_use_id: edit, content: "The file has been updated." }]),
    ...run("npm test", outputOf(talk, talk.bytes * 0.15, false), false),
    agent({ type: "text", text: words.answer }),
    user(words.thanks),
    agent({ type: "text", text: "Renamed, with an alias for the old name." }),
  ];
  return {
    path: join(".claude", "projects", project.replace(/[^A-Za-z0-9-]/g, "-"), `${id}.jsonl`),
    text: linesOf(lines),
  };
}

function codexSession(talk: Talk): { path: string; text: string } {
  const { id, project, random } = talk;
  const words = wordsOf(talk);
  let clock = talk.start;
  let ordinal = 0;
  const line = (type: string, payload: object) => {
    clock += 9_000;
    return { timestamp: new Date(clock).toISOString(), ordinal: ordinal++, type, payload };
  };
  const message = (role: string, text: string) =>
    line("response_item", {
      type: "message",
      role,
      content: [{ type: role === "user" ? "input_text" : "output_text", text }],
    });
  const run = (cmd: string, output: string, code: number) => {
    const call = idOf(random);
    return [
      line("response_item", {
        type: "function_call",
        name: "exec_command",
        arguments: JSON.stringify({ cmd }),
        call_id: call,
      }),
      line("response_item", {
        type: "function_call_output",
        call_id: call,
        output: `Process exited with code ${code}\nOutput:\n${output}`,
      }),
    ];
  };
  const lines = [
    line("session_meta", {
      id,
      cwd: project,
      cli_version: "0.169.0",
      source: "cli",
      timestamp: new Date(talk.start).toISOString(),
      git: { branch: "main" },
    }),
    message("developer", "y".repeat(Math.floor(talk.bytes * 0.6))),
    message("user", words.order),
    ...run("npm test", outputOf(talk, talk.bytes * 0.15, true), 1),
    ...run(`sed -i s/7/6/ ${words.file}`, "", 0),
    ...run("npm test", outputOf(talk, talk.bytes * 0.15, false), 0),
    message("assistant", words.answer),
    message("user", words.thanks),
    message("assistant", "Renamed, with an alias for the old name."),
  ];
  const day = new Date(talk.start).toISOString();
  const name = `rollout-${day.slice(0, 19).replaceAll(":", "-")}-${id}.jsonl`;
  return { path: join(".codex", "sessions", ...day.slice(0, 10).split("-"), name), text: linesOf(lines) };
}

function linesOf(values: readonly object[]): string {
  return `${values.map((value) => JSON.stringify(value)).join("\n")}\n`;
}

function idOf(random: Random): string {
  const hex = (count: number) =>
    Array.from({ length: count }, () => random.between(0, 15).toString(16)).join("");
  return `${hex(8)}-${hex(4)}-7${hex(3)}-a${hex(3)}-${hex(12)}`;
}
