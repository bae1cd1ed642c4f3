import { spawn } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  linkSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { writeOn } from "./writes-on.ts";

/**
 * Plays an ACP agent with the behaviour named by the first argument; the second is a folder for those that read one.
 * Every message it is sent is kept in `heard.ndjson` in its home.
 */
const [behaviour = "good", folder = "."] = process.argv.slice(2);
const SESSION = "session-1";
const HOME = process.env.HOME ?? homedir();
let turns = 0;
let asked = 0;
let prompt: number | null = null;
const answers = new Map<string, (result: unknown) => void>();

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: unknown;
}

createInterface({ input: process.stdin }).on("line", hear).on("close", leave);

function hear(line: string): void {
  const { id, method, result } = JSON.parse(line) as Message;
  appendFileSync(join(HOME, "heard.ndjson"), `${line}\n`);
  if (method === undefined) answers.get(String(id))?.(result);
  else if (method === "session/cancel") cancelled();
  else if (behaviour !== `mute at ${method}`) answer(method, id as number);
}

function answer(method: string, number: number): void {
  if (behaviour === `dies at ${method}`) {
    console.error(`panicked at ${method}`);
    process.exit(101);
  }
  if (behaviour === `refuses ${method}`) {
    emit({
      id: number,
      error: { code: -32000, message: "Authentication required", data: { errorKind: "auth" } },
    });
  } else if (behaviour === `garbles ${method}`) emit({ id: number, result: { unexpected: true } });
  else if (behaviour === `wrong id at ${method}`) emit({ id: number + 1000, result: {} });
  else if (method === "initialize") initialize(number);
  else if (method === "session/new") newSession(number);
  else if (method === "session/prompt") takeTurn(number);
  else emit({ id: number, result: {} });
}

function initialize(id: number): void {
  if (behaviour === "begins with a byte order mark") process.stdout.write("\uFEFF");
  const protocolVersion = behaviour === "speaks another version" ? 7 : 1;
  emit({ id, result: { protocolVersion, agentCapabilities: { loadSession: true }, authMethods: [] } });
}

function newSession(id: number): void {
  notice("available_commands_update", { availableCommands: [] });
  const models = [
    { value: "small", name: "Small" },
    { value: "large", name: "Large" },
  ];
  const configOptions = [
    { id: "model", category: "model", type: "select", name: "Model", currentValue: "small", options: models },
    { id: "thinking", category: "thought_level", currentValue: "low", options: [{ options: EFFORTS }] },
  ];
  const availableModels = [{ modelId: "small", name: "Small" }];
  if (behaviour === "names its models the old way") {
    emit({ id, result: { sessionId: SESSION, models: { currentModelId: "small", availableModels } } });
  } else if (behaviour === "knows no models") emit({ id, result: { sessionId: SESSION } });
  else emit({ id, result: { sessionId: SESSION, configOptions } });
}

const EFFORTS = ["low", "high"].map((value) => ({ value, name: value }));

function takeTurn(id: number): void {
  turns += 1;
  prompt = id;
  (BEHAVIOURS[behaviour] ?? BEHAVIOURS.good)?.();
}

function cancelled(): void {
  if (["hangs after cancel", "ignores SIGTERM"].includes(behaviour)) return;
  end("cancelled");
}

function leave(): void {
  if (["stays when its stdin closes", "ignores SIGTERM"].includes(behaviour)) setInterval(() => {}, 1000);
  else process.exit(0);
}

const BEHAVIOURS: Readonly<Record<string, () => void>> = {
  good() {
    writeFileSync("MEMORY.md", "# Task Group: harbour\n");
    notice("agent_thought_chunk", { content: text("think") });
    notice("agent_thought_chunk", { content: text("ing") });
    notice("tool_call", { toolCallId: "1", title: "Write", kind: "edit", status: "pending" });
    notice("tool_call_update", { toolCallId: "1", title: "MEMORY.md", status: "in_progress" });
    notice("usage_update", { used: 700, size: 10_000, cost: { amount: 0.25 * turns, currency: "USD" } });
    notice("tool_call_update", { toolCallId: "1", status: "completed" });
    notice("agent_message_chunk", { content: text(`turn ${turns} `) });
    notice("agent_message_chunk", { content: text("done") });
    end("end_turn", { usage: { inputTokens: 1_000, outputTokens: 50, totalTokens: 1_250 } });
  },
  endless() {},
  "begins with a byte order mark": () => BEHAVIOURS.good?.(),
  "finishes when asked to": () => (turns === 1 ? undefined : BEHAVIOURS.good?.()),
  "hangs after cancel"() {},
  "stays when its stdin closes"() {},
  "ignores SIGTERM"() {
    process.on("SIGTERM", () => {});
  },
  failing() {
    const data = { errorName: "APIError" };
    emit({ id: prompt, error: { code: -32603, message: "Internal error:\nthe model answered 429", data } });
  },
  "says nothing of what went wrong": () => emit({ id: prompt, error: { code: 500, message: "{}" } }),
  "hides that its model failed"() {
    notice("agent_message_chunk", { content: text("exceeded retry limit, last status: 429") });
    notice("session_info_update", { _meta: { codex: { threadStatus: { type: "systemError" } } } });
    end("end_turn");
  },
  "dies in its turn"() {
    console.error("killed by the weather");
    process.exit(9);
  },
  "exits 0 in its turn": () => process.exit(0),
  "dies by a signal": () => process.kill(process.pid, "SIGSEGV"),
  // To destroy `process.stdout` leaves it open.
  "closes its stdout": () => closeSync(1),
  "greets on its stdout"() {
    say("Welcome! {");
    say("[1,2,3]");
    BEHAVIOURS.good?.();
  },
  "writes what is no JSON"() {
    for (let count = 0; count < 30; count += 1) say("Welcome! {");
  },
  "answers without a line end and exits"() {
    const answer = { jsonrpc: "2.0", id: prompt, result: { stopReason: "end_turn" } };
    process.stdout.write(JSON.stringify(answer), () => process.exit(0));
  },
  "answers in a batch": () =>
    say(JSON.stringify([{ jsonrpc: "2.0", id: prompt, result: { stopReason: "end_turn" } }])),
  "answers over several lines": () =>
    say(JSON.stringify({ jsonrpc: "2.0", id: prompt, result: { stopReason: "end_turn" } }, null, 2)),
  "answers with half a message": () => say(`{"jsonrpc":"2.0","id":${prompt},"result":`),
  "streams a word a minute": () =>
    void setInterval(() => notice("agent_message_chunk", { content: text("word ") }), 5),
  "answers what was not asked": () => emit({ id: 999, result: {} }),
  "answers with a text for an id": () => emit({ id: "one", result: {} }),
  "answers twice"() {
    emit({ id: 0, result: {} });
    BEHAVIOURS.good?.();
  },
  "completes twice"() {
    const id = prompt;
    BEHAVIOURS.good?.();
    emit({ id, result: { stopReason: "refusal" } });
    emit({ id, result: { stopReason: "end_turn" } });
  },
  "speaks of another session"() {
    emit({ method: "session/update", params: { sessionId: "other", update: chunk("not ours") } });
    BEHAVIOURS.good?.();
  },
  "completes without writing": () => end("end_turn"),
  "stops at max_tokens": () => (turns === 1 ? end("max_tokens") : BEHAVIOURS.good?.()),
  "always stops at max_turn_requests": () => end("max_turn_requests"),
  "refuses the task": () => end("refusal"),
  "cancels itself": () => end("cancelled"),
  "ends in a way of its own": () => end("bored"),
  "writes on after its turn": () => writeOn(turns, () => end("end_turn")),
  /** Forgets the summary, and brings it when it is asked to mend. */
  "consolidates in two turns"() {
    const name = turns === 1 ? "MEMORY.md" : "memory_summary.md";
    copyFileSync(join(folder, name), name);
    notice("tool_call", {
      toolCallId: String(turns),
      title: `Write ${name}`,
      kind: "edit",
      status: "completed",
    });
    end("end_turn", { usage: { inputTokens: 100, outputTokens: 10, totalTokens: 110 } });
  },
  "speaks in two messages"() {
    notice("agent_message_chunk", { messageId: "a", content: text("first") });
    notice("agent_message_chunk", { messageId: "b", content: text("sec") });
    notice("agent_message_chunk", { messageId: "b", content: text("ond") });
    end("end_turn");
  },
  "leaves half a file and hangs": () => writeFileSync("half.md", "half"),
  "tells what it finds": () =>
    emit({ id: prompt, error: { code: -32603, message: `found ${readdirSync(".").sort().join(" ")}` } }),
  "reports no use"() {
    notice("agent_message_chunk", { content: text("x".repeat(400)) });
    end("end_turn");
  },
  "reports use in a quota"() {
    end("end_turn", { _meta: { quota: { token_count: { input_tokens: 300, output_tokens: 30 } } } });
  },
  "reports absurd use"() {
    for (const used of [-1, 2.5, 1e300, "much", null]) {
      notice("usage_update", { used, size: 1, cost: { amount: used, currency: "USD" } });
    }
    notice("usage_update", { used: 100, size: 1, cost: { amount: -5, currency: "USD" } });
    end("end_turn", { usage: { inputTokens: -7, outputTokens: 1e300, totalTokens: "many" } });
  },
  "thinks without end": () => flood(`${noticed("agent_thought_chunk", { content: text(long(4_000)) })}\n`),
  "writes a line without end": () => flood(long(65_536)),
  "floods its stderr"() {
    const write = () => {
      while (process.stderr.write(long(65_536)));
      process.stderr.once("drain", write);
    };
    write();
  },
  "forks a daemon"() {
    const daemon = `require("node:fs").writeFileSync("daemon", ""); setInterval(() => {}, 1000);`;
    const parent = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(daemon)}], { detached: true, stdio: "ignore" }).unref();`;
    spawn(process.execPath, ["-e", parent], { detached: true, stdio: "ignore" }).on("exit", () =>
      BEHAVIOURS.good?.(),
    );
  },
  "keeps its stdio open"() {
    spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" }).unref();
    BEHAVIOURS.good?.();
  },
  "writes strange updates"() {
    emit({ method: "session/update" });
    emit({ method: "session/update", params: { sessionId: SESSION, update: null } });
    emit({ method: "_auth/status_update", params: { kind: "gateway" } });
    notice("hologram", {});
    notice("agent_message_chunk", { content: { type: "image", data: "" } });
    notice("agent_message_chunk", {});
    notice("tool_call", { toolCallId: 7 });
    notice("tool_call", { toolCallId: "8", kind: 9, locations: "nowhere", content: [{}] });
    notice("usage_update", {});
    BEHAVIOURS.good?.();
  },
  "nests without end"() {
    const status = noticed("session_info_update", { _meta: { codex: { threadStatus: "DEEP" } } });
    say(status.replace('"DEEP"', "[".repeat(500_000) + "]".repeat(500_000)));
  },
  "asks for files and terminals"() {
    const all = ["fs/read_text_file", "fs/write_text_file", "terminal/create", "elicitation/create", "x/y"];
    for (const method of all) ask(method, { sessionId: SESSION, path: "/etc/passwd", command: "id" });
    ask("session/request_permission", { nonsense: true }).then(() => BEHAVIOURS.good?.());
  },
  async "asks for every permission"() {
    symlinkSync("/etc", "link");
    symlinkSync("/nowhere/at/all", "dangling");
    writeFileSync("twin", "");
    linkSync("twin", "other-name");
    for (const [kind, ...paths] of ASKED) {
      await permission({
        toolCallId: `p${asked}`,
        kind,
        title: `${kind} ${paths.join(" ")}`,
        locations: located(paths),
      });
    }
    // What was told of a call before counts.
    notice("tool_call", {
      toolCallId: "known",
      kind: "edit",
      title: "Write",
      locations: located(["MEMORY.md"]),
    });
    await permission({ toolCallId: "known" });
    await permission({
      toolCallId: "diff",
      kind: "edit",
      content: [{ type: "diff", path: "/etc/hosts", newText: "" }],
    });
    await permission({
      toolCallId: "raw",
      kind: "edit",
      locations: located(["a"]),
      rawInput: { file_path: "/etc/hosts" },
    });
    await permission({ toolCallId: "always", kind: "edit", locations: located(["a"]) }, [
      "allow_always",
      "reject_once",
    ]);
    await permission({ toolCallId: "never", kind: "fetch" }, ["allow_once"]);
    end("end_turn");
  },
  async "asks once and gives up"() {
    await permission({ toolCallId: "1", kind: "fetch", title: "https://example.com" });
    end("cancelled");
  },
  async "gives up when it is refused"() {
    if (turns > 1) return BEHAVIOURS.good?.();
    await permission({ toolCallId: "1", kind: "fetch", title: "https://example.com" });
    end("cancelled");
  },
  "asks without end"() {
    for (let count = 0; count < 2_000; count += 1) ask("session/request_permission", {});
  },
};

/** Kinds and places, each asked for in turn. */
const ASKED: readonly (readonly [string, ...string[]])[] = [
  ["think"],
  ["read", "/etc/passwd"],
  ["search", "."],
  ["edit", "MEMORY.md"],
  ["edit", join(process.cwd(), "skills", "new", "SKILL.md")],
  ["edit"],
  ["edit", "."],
  ["edit", "../escaped"],
  ["edit", "/etc/hosts"],
  ["edit", "MEMORY.md", "/etc/hosts"],
  ["edit", "link/hosts"],
  ["edit", "dangling"],
  ["edit", "twin"],
  ["delete", "link"],
  ["move", "a", "b"],
  ["execute"],
  ["fetch"],
  ["switch_mode"],
  ["other", "MEMORY.md"],
  ["teleport"],
];

function located(paths: readonly string[]) {
  return paths.map((path) => ({ path }));
}

function permission(
  toolCall: object,
  kinds = ["allow_always", "allow_once", "reject_once", "reject_always"],
) {
  const options = kinds.map((kind) => ({ optionId: `the-${kind}`, name: kind, kind }));
  return ask("session/request_permission", { sessionId: SESSION, toolCall, options });
}

function end(stopReason: string, rest: object = {}): void {
  if (prompt !== null) emit({ id: prompt, result: { stopReason, ...rest } });
  prompt = null;
}

function ask(method: string, params: object): Promise<unknown> {
  asked += 1;
  const id = `ask-${asked}`;
  emit({ id, method, params });
  return new Promise((resolve) => answers.set(id, resolve));
}

function notice(kind: string, rest: object): void {
  say(noticed(kind, rest));
}

function noticed(kind: string, rest: object): string {
  const params = { sessionId: SESSION, update: { sessionUpdate: kind, ...rest } };
  return JSON.stringify({ jsonrpc: "2.0", method: "session/update", params });
}

function chunk(said: string) {
  return { sessionUpdate: "agent_message_chunk", content: text(said) };
}

function text(said: string) {
  return { type: "text", text: said };
}

function emit(message: object): void {
  say(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function flood(piece: string): void {
  const write = () => {
    while (process.stdout.write(piece));
    process.stdout.once("drain", write);
  };
  write();
}

function long(length: number): string {
  return "x".repeat(length);
}
