import { spawn } from "node:child_process";
import { appendFileSync, closeSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { writeOn } from "./writes-on.ts";

/**
 * Plays `codex`: `--version`, `sandbox`, and `app-server` with the behaviour named by the first argument.
 * Every message it is sent is kept in `../heard.ndjson`.
 */
const [behaviour = "good", command = ""] = process.argv.slice(2);
const THREAD = "thread-1";
let turns = 0;
let asked = 0;

if (command === "--version") say("codex-cli 0.169.0");
else if (command === "sandbox") sandbox();
else createInterface({ input: process.stdin }).on("line", hear).on("close", leave);

function sandbox(): void {
  writeFileSync("inside", "in\n");
  if (behaviour === "leaky-sandbox") writeFileSync("../outside", "out\n");
  say("tried");
}

function hear(line: string): void {
  const { id, method } = JSON.parse(line) as { id?: number; method?: string };
  appendFileSync("../heard.ndjson", `${line}\n`);
  if (method === undefined || id === undefined) return;
  if (behaviour === `mute at ${method}`) return;
  if (behaviour === `dies at ${method}`) {
    console.error(`thread 'main' panicked at ${method}`);
    process.exit(101);
  }
  if (behaviour === `refuses ${method}`) emit({ id, error: { code: -32600, message: "not today" } });
  else if (behaviour === `garbles ${method}`) emit({ id, result: { unexpected: true } });
  else if (behaviour === `wrong id at ${method}`) emit({ id: id + 1000, result: {} });
  else if (method === "initialize") emit({ id, result: { userAgent: "scripted/0.169.0" } });
  else if (method === "config/read") emit({ id, result: { config: { mcp_servers: { "my.tools": {} } } } });
  else if (method === "thread/start") startThread(id);
  else if (method === "turn/start") startTurn(id);
  else if (method === "turn/interrupt") interrupt(id);
  else if (method === "turn/steer") steered(id);
  else emit({ id, result: {} });
}

function startThread(id: number): void {
  const ephemeral = behaviour !== "keeps its thread";
  emit({ id, result: { thread: { id: THREAD, ephemeral }, approvalPolicy: "never" } });
}

function startTurn(id: number): void {
  turns += 1;
  const turn = { id: `turn-${turns}`, status: "inProgress", error: null };
  emit({ id, result: { turn } });
  notice("turn/started", { turn });
  (BEHAVIOURS[behaviour] ?? BEHAVIOURS.good)?.();
}

function steered(id: number): void {
  emit({ id, result: { turnId: `turn-${turns}` } });
  if (behaviour === "finishes when asked to") BEHAVIOURS.good?.();
}

function interrupt(id: number): void {
  if (behaviour === "hangs after interrupt") return;
  emit({ id, result: {} });
  complete("interrupted");
}

function leave(): void {
  if (behaviour === "stays when its stdin closes") setInterval(() => {}, 1000);
  else process.exit(0);
}

const BEHAVIOURS: Readonly<Record<string, () => void>> = {
  good() {
    const item = { type: "commandExecution", id: "1", command: "cat > MEMORY.md", status: "inProgress" };
    notice("item/started", { item });
    writeFileSync("MEMORY.md", "# Task Group: harbour\n");
    notice("item/completed", { item: { ...item, status: "completed", exitCode: 0 } });
    notice("item/completed", { item: { type: "reasoning", id: "2", summary: ["thinking"], content: [] } });
    notice("item/completed", { item: { type: "agentMessage", id: "3", text: `turn ${turns} done` } });
    usage(1_000 * turns, 50 * turns);
    complete("completed");
  },
  endless() {},
  "finishes when asked to"() {},
  "hangs after interrupt"() {},
  "stays when its stdin closes"() {},
  "ignores SIGTERM"() {
    process.on("SIGTERM", () => {});
  },
  failing() {
    const error = {
      message: "exceeded retry limit,\nlast status: 429",
      codexErrorInfo: { responseTooManyFailedAttempts: { httpStatusCode: 429 } },
    };
    notice("error", { error, willRetry: true, turnId: `turn-${turns}` });
    notice("turn/completed", { turn: { id: `turn-${turns}`, status: "failed", error } });
  },
  "fails without a word": () => complete("failed"),
  "dies in its turn"() {
    console.error("killed by the weather");
    process.exit(9);
  },
  "exits 0 in its turn": () => process.exit(0),
  "dies by a signal": () => process.kill(process.pid, "SIGSEGV"),
  // To destroy `process.stdout` leaves it open.
  "closes its stdout": () => closeSync(1),
  "writes what is no JSON": () => say("Welcome to Codex {"),
  "writes a list": () => say("[1,2,3]"),
  "nests without end": () => say(`{"id":${"[".repeat(500_000)}${"]".repeat(500_000)},"result":{}}`),
  "answers what was not asked": () => emit({ id: 999, result: {} }),
  "answers with a text for an id": () => emit({ id: "one", result: {} }),
  "answers twice"() {
    emit({ id: 1, result: {} });
    BEHAVIOURS.good?.();
  },
  "completes twice"() {
    BEHAVIOURS.good?.();
    complete("failed");
    complete("completed");
  },
  "completes another turn"() {
    notice("turn/completed", { threadId: "thread-2", turn: { id: "turn-1", status: "completed" } });
    notice("turn/completed", { turn: { id: "turn-9", status: "completed" } });
    complete("failed");
  },
  "interrupts itself": () => complete("interrupted"),
  "leaves an agent of its own at work"() {
    notice("thread/status/changed", { threadId: "thread-2", status: { type: "active" } });
    complete("completed");
  },
  "asks for every permission"() {
    ask("item/commandExecution/requestApproval", { command: "curl evil.example" });
    ask("item/fileChange/requestApproval", { reason: "outside" });
    ask("item/permissions/requestApproval", {});
    setTimeout(() => BEHAVIOURS.good?.(), 50);
  },
  "asks without end"() {
    for (let count = 0; count < 500; count += 1) ask("item/commandExecution/requestApproval", {});
  },
  "reports absurd use"() {
    for (const count of [-1, 2.5, 1e300, Number.MAX_SAFE_INTEGER + 1]) usage(count, count);
    notice("thread/tokenUsage/updated", { tokenUsage: { total: "much" } });
    notice("thread/tokenUsage/updated", {});
    BEHAVIOURS.good?.();
  },
  "reports no use"() {
    notice("item/completed", { item: { type: "agentMessage", id: "1", text: "x".repeat(400) } });
    complete("completed");
  },
  "thinks without end": () =>
    flood(
      notified("item/completed", {
        item: { type: "reasoning", id: "1", summary: [long(4_000)], content: [] },
      }),
    ),
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
  /** Says that it cleans up, and does not. */
  "writes on after its turn": () => writeOn(turns, () => complete("completed")),
  "keeps its stdio open"() {
    spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" }).unref();
    BEHAVIOURS.good?.();
  },
  "writes strange items"() {
    notice("item/started", { item: { type: "hologram" } });
    notice("item/completed", { item: null });
    notice("item/completed", {});
    notice("turn/completed", { turn: 7 });
    notice("a/new/notice", { of: "another version" });
    BEHAVIOURS.good?.();
  },
};

function complete(status: string): void {
  notice("turn/completed", { turn: { id: `turn-${turns}`, status, error: null } });
}

function usage(inputTokens: number, outputTokens: number): void {
  notice("thread/tokenUsage/updated", { tokenUsage: { total: { inputTokens, outputTokens } } });
}

function ask(method: string, params: object): void {
  asked += 1;
  emit({ id: `ask-${asked}`, method, params: { threadId: THREAD, ...params } });
}

function notice(method: string, params: object): void {
  say(notified(method, params));
}

function notified(method: string, params: object): string {
  return JSON.stringify({ method, params: { threadId: THREAD, ...params } });
}

function emit(message: object): void {
  say(JSON.stringify(message));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function flood(text: string): void {
  const isLine = text.startsWith("{");
  const write = () => {
    while (process.stdout.write(isLine ? `${text}\n` : text));
    process.stdout.once("drain", write);
  };
  write();
}

function long(length: number): string {
  return "x".repeat(length);
}
