import { z } from "zod";
import type { AgentEvent, AgentSpec, AgentUsage } from "../../domain/agent.ts";
import { causeOf } from "../../domain/failure.ts";
import { sanitizeUsage } from "../../domain/usage.ts";
import type { ProcessStat } from "../../process/process-record.ts";
import { plainText } from "../../text/sanitize.ts";
import { type AgentStream, type TurnProgress, turnProgress } from "../agent-stream.ts";
import { type Connection, startTurn, steerTurn } from "./connection.ts";

/** The turns of one thread: what Codex tells of them, told on as events. */
export interface Turns {
  /** Asks for the next turn; how it ends is told on the stream. */
  begin(text: string): void;
  /** Asks Codex to stop the turn under way; from now on its end is `agent.interrupted`. */
  interrupt(): Promise<void>;
  /** A word to the turn under way. Rejects when there is none. */
  steer(text: string): Promise<void>;
  onNotice(method: string, params: unknown): void;
}

export interface TurnsOptions {
  readonly spec: AgentSpec;
  readonly stream: AgentStream;
  /** Known once the thread is open. */
  connection(): OpenThread;
}

export interface OpenThread {
  readonly codex: Connection;
  readonly threadId: string;
  /** Processes of Codex itself: they were there before it ran any command. */
  readonly own: readonly ProcessStat[];
}

interface Turn {
  readonly number: number;
  id: string | null;
  /** Its end was heard; what else is told of it is late. */
  isOver: boolean;
  message: string | null;
  error: string | null;
  /** Bytes asked and answered, for an estimate where no use is reported. */
  asked: number;
  answered: number;
  isMetered: boolean;
}

/** More threads at work than these are no agent, but a flood. */
const MOST_BUSY = 100;
const BYTES_PER_TOKEN = 4;

export function followTurns(options: TurnsOptions): Turns {
  return new CodexTurns(options);
}

class CodexTurns implements Turns {
  readonly #options: TurnsOptions;
  readonly #progress: TurnProgress;
  readonly #past = new Set<string>();
  readonly #tokens = tokenCount();
  readonly #busyElsewhere = new Set<string>();
  #usage: AgentUsage | null = null;
  #turn: Turn | null = null;
  #starting: Promise<void> = Promise.resolve();

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#progress = turnProgress(options.stream);
  }

  begin(text: string): void {
    const turn: Turn = {
      number: (this.#turn?.number ?? 0) + 1,
      id: null,
      isOver: false,
      message: null,
      error: null,
      asked: Buffer.byteLength(text),
      answered: 0,
      isMetered: false,
    };
    this.#turn = turn;
    this.#progress.begin();
    const { codex, threadId } = this.#options.connection();
    codex.thaw();
    this.#starting = startTurn(codex, threadId, this.#options.spec, text).then(
      (id) => this.#start(turn, id),
      (error: unknown) => this.#finish(turn, causeOf(error)),
    );
  }

  async interrupt(): Promise<void> {
    this.#progress.interrupt();
    const { codex, threadId } = this.#options.connection();
    await this.#starting;
    const id = this.#turn?.id;
    if (id != null) await codex.ask("turn/interrupt", { threadId, turnId: id });
  }

  async steer(text: string): Promise<void> {
    await this.#starting;
    const turn = this.#turn;
    if (turn?.id == null || turn.isOver) throw new Error("no turn is under way");
    const { codex, threadId } = this.#options.connection();
    turn.asked += Buffer.byteLength(text);
    await steerTurn(codex, { threadId, turnId: turn.id }, text);
  }

  onNotice(method: string, params: unknown): void {
    if (method === "item/started") this.#onItem(params, startedEvent);
    else if (method === "item/completed") this.#onItem(params, completedEvent);
    else if (method === "thread/tokenUsage/updated") this.#onUsage(params);
    else if (method === "turn/started") this.#onTurn(params, false);
    else if (method === "turn/completed") this.#onTurn(params, true);
    else if (method === "error") this.#onError(params);
    else if (method === "thread/status/changed") this.#onStatus(params);
  }

  #isOurs(threadId: string): boolean {
    return threadId === this.#options.connection().threadId;
  }

  #start(turn: Turn, id: string): void {
    if (turn.id !== null || turn.isOver || this.#past.has(id)) return;
    turn.id = id;
    if (this.#progress.start()) this.#use({ turns: turn.number });
  }

  #use(claim: Partial<AgentUsage>): void {
    this.#usage = sanitizeUsage({ turns: this.#turn?.number, ...claim }, this.#usage);
    this.#progress.report(this.#usage);
  }

  #finish(turn: Turn, error: string | null): void {
    if (turn !== this.#turn || !this.#options.stream.isOpen()) return;
    turn.isOver = true;
    if (!turn.isMetered && this.#progress.isRunning) {
      this.#use({
        inputTokens: (this.#usage?.inputTokens ?? 0) + Math.ceil(turn.asked / BYTES_PER_TOKEN),
        outputTokens: (this.#usage?.outputTokens ?? 0) + Math.ceil(turn.answered / BYTES_PER_TOKEN),
        estimated: true,
      });
    }
    this.#progress.end(error, turn.message);
  }

  /** The result is read next: nobody may be left who writes. */
  async #endCommands(turn: Turn): Promise<void> {
    const { codex, threadId, own } = this.#options.connection();
    try {
      codex.look();
      await codex.ask("thread/backgroundTerminals/clean", { threadId });
      // Codex answers before those it ends are gone. Codex itself goes on: it must hear of our death.
      await codex.freeze(own);
      this.#finish(turn, this.#busyElsewhere.size === 0 ? null : "Codex left agents of its own at work");
    } catch (error) {
      this.#finish(turn, `what Codex left running could not be ended: ${causeOf(error)}`);
    }
  }

  #end({ id, status, error }: CodexTurn): void {
    const turn = this.#turn;
    if (turn === null || turn.isOver || this.#past.has(id) || (turn.id !== null && turn.id !== id)) return;
    this.#start(turn, id);
    turn.isOver = true;
    this.#past.add(id);
    if (status === "completed" && !this.#progress.isInterrupted) return void this.#endCommands(turn);
    if (status === "interrupted") this.#progress.interrupt();
    const cause = error == null ? turn.error : causeOfTurn(error);
    this.#finish(turn, cause ?? `Codex ended its turn as "${plainText(status, 40)}" without saying why`);
  }

  #onItem(params: unknown, eventOf: typeof startedEvent): void {
    const { data } = itemNotice.safeParse(params);
    const turn = this.#turn;
    if (data === undefined || turn === null || turn.isOver) return;
    if (data.item.type === "agentMessage" && this.#isOurs(data.threadId)) {
      turn.message = data.item.text.slice(0, 4_000);
      turn.answered += Buffer.byteLength(data.item.text);
    }
    const event = eventOf(data.item);
    if (event !== null) this.#options.stream.emit(event);
  }

  #onUsage(params: unknown): void {
    const { data } = usageNotice.safeParse(params);
    if (data === undefined || !this.#tokens.record(data.threadId, data.tokenUsage.total)) return;
    if (this.#turn !== null) this.#turn.isMetered = true;
    this.#use(this.#tokens.total());
  }

  #onTurn(params: unknown, isOver: boolean): void {
    const { data } = turnNotice.safeParse(params);
    if (data === undefined || !this.#isOurs(data.threadId)) return;
    if (isOver) this.#end(data.turn);
    else if (this.#turn !== null) this.#start(this.#turn, data.turn.id);
  }

  #onError(params: unknown): void {
    const { data } = errorNotice.safeParse(params);
    const turn = this.#turn;
    if (data === undefined || turn === null || turn.isOver || !this.#isOurs(data.threadId)) return;
    turn.error = causeOfTurn(data.error);
    if (data.willRetry) {
      this.#options.stream.emit({ type: "agent.thought", text: turn.error.slice(0, 400) });
    }
  }

  #onStatus(params: unknown): void {
    const { data } = statusNotice.safeParse(params);
    if (data === undefined || this.#isOurs(data.threadId)) return;
    if (data.status.type !== "active") this.#busyElsewhere.delete(data.threadId);
    else if (this.#busyElsewhere.size < MOST_BUSY) this.#busyElsewhere.add(data.threadId);
  }
}

/** What is read of the notices of `codex app-server` (0.169.0); everything else in them may change. */
const turnError = z.object({ message: z.string(), codexErrorInfo: z.unknown() });
const item = z.discriminatedUnion("type", [
  z.object({ type: z.literal("agentMessage"), text: z.string() }),
  z.object({ type: z.literal("reasoning"), summary: z.array(z.string()), content: z.array(z.string()) }),
  z.object({
    type: z.literal("commandExecution"),
    command: z.string(),
    exitCode: z.number().nullish(),
    status: z.string(),
  }),
  z.object({
    type: z.literal("fileChange"),
    changes: z.array(z.object({ path: z.string() })),
    status: z.string(),
  }),
  z.object({ type: z.literal("mcpToolCall"), server: z.string(), tool: z.string() }),
  z.object({ type: z.literal("webSearch"), query: z.string() }),
]);
const ofItem = z.object({ threadId: z.string(), item });
const turn = z.object({
  id: z.string(),
  status: z.string(),
  error: turnError.nullish(),
});

export type CodexItem = z.infer<typeof item>;
type CodexTurn = z.infer<typeof turn>;
export type CodexTurnError = z.infer<typeof turnError>;

const itemNotice = ofItem;
const turnNotice = z.object({ threadId: z.string(), turn });
const errorNotice = z.object({ threadId: z.string(), error: turnError, willRetry: z.boolean() });
const usageNotice = z.object({
  threadId: z.string(),
  tokenUsage: z.object({
    total: z.object({
      inputTokens: z.number(),
      outputTokens: z.number(),
      cachedInputTokens: z.number().optional().catch(undefined),
      reasoningOutputTokens: z.number().optional().catch(undefined),
    }),
  }),
});
const statusNotice = z.object({ threadId: z.string(), status: z.object({ type: z.string() }) });

/** `usage limit (429)`-like: the kind of the error beside its message, when it adds something. */
function causeOfTurn({ message, codexErrorInfo }: CodexTurnError): string {
  const kind = kindOf(codexErrorInfo);
  return kind === null ? message : `${message} (${kind})`;
}

function kindOf(info: unknown): string | null {
  if (typeof info === "string") return info === "other" ? null : info;
  if (typeof info !== "object" || info === null) return null;
  const [kind, details] = Object.entries(info)[0] ?? [];
  const status = (details as { httpStatusCode?: unknown } | null | undefined)?.httpStatusCode;
  return kind === undefined ? null : `${kind}${typeof status === "number" ? ` ${status}` : ""}`;
}

type ToolEvent = Extract<AgentEvent, { type: "agent.tool" }>;

/** Of one text; what is kept of all of them is bounded elsewhere. */
const TEXT_LENGTH = 4_000;

/** What a tool is about to do; null for what only speaks, which is told when it is whole. */
function startedEvent(item: CodexItem): AgentEvent | null {
  switch (item.type) {
    case "commandExecution":
      return tool("shell", item.command);
    case "fileChange":
      return tool("patch", item.changes.map(({ path }) => path).join(" "));
    case "mcpToolCall":
      return tool(`${item.server}.${item.tool}`, "");
    case "webSearch":
      return tool("web search", item.query);
    case "agentMessage":
    case "reasoning":
      return null;
  }
}

/** What was said, and which tools failed; null for what was told when it began. */
function completedEvent(item: CodexItem): AgentEvent | null {
  switch (item.type) {
    case "agentMessage":
      return { type: "agent.message", text: item.text.slice(0, TEXT_LENGTH) };
    case "reasoning": {
      const text = [...item.summary, ...item.content].join("\n").slice(0, TEXT_LENGTH);
      return text.trim() === "" ? null : { type: "agent.thought", text };
    }
    case "commandExecution": {
      if (item.status === "completed" && (item.exitCode ?? 0) === 0) return null;
      const how = typeof item.exitCode === "number" ? `exit code ${item.exitCode}` : item.status;
      return again(tool("shell", `${how}: ${item.command}`));
    }
    case "fileChange":
      return item.status === "completed" ? null : again(tool("patch", item.status));
    case "mcpToolCall":
    case "webSearch":
      return null;
  }
}

function again(event: ToolEvent): AgentEvent {
  return { ...event, again: true };
}

function tool(name: string, text: string): ToolEvent {
  return { type: "agent.tool", name: name.slice(0, 100), text: text.slice(0, TEXT_LENGTH) };
}

/** Tokens of all threads together: an agent that Codex starts on its own costs as well. */
export interface TokenCount {
  /** Takes the cumulative numbers of one thread, as it claims them; false when they are not counted. */
  record(threadId: string, claim: TokenClaim): boolean;
  total(): Tokens;
}

const KINDS = ["inputTokens", "outputTokens", "cachedInputTokens", "reasoningOutputTokens"] as const;

/** Kinds that no thread has reported are left out. */
export type Tokens = Readonly<Partial<Record<(typeof KINDS)[number], number>>>;

export type TokenClaim = Readonly<Partial<Record<(typeof KINDS)[number], number | undefined>>>;

/** More threads than these are no agent, but a flood. */
const MOST_THREADS = 100;

export function tokenCount(): TokenCount {
  const threads = new Map<string, Tokens>();
  return {
    record(threadId, claim) {
      if (!threads.has(threadId) && threads.size >= MOST_THREADS) return false;
      const before = threads.get(threadId) ?? {};
      threads.set(
        threadId,
        collect((kind) => atLeast(claim[kind], before[kind])),
      );
      return true;
    },
    total: () =>
      collect((kind) => [...threads.values()].map((tokens) => tokens[kind]).reduce(sum, undefined)),
  };
}

function collect(numberOf: (kind: (typeof KINDS)[number]) => number | undefined): Tokens {
  const known = KINDS.map((kind) => [kind, numberOf(kind)] as const).filter(
    ([, number]) => number !== undefined,
  );
  return Object.fromEntries(known);
}

/** A claim that is no exact number counts for nothing, and numbers never fall. */
function atLeast(claim: number | undefined, before: number | undefined): number | undefined {
  if (claim === undefined) return before;
  return Number.isSafeInteger(claim) ? Math.max(claim, before ?? 0) : (before ?? 0);
}

function sum(total: number | undefined, number: number | undefined): number | undefined {
  return number === undefined ? total : (total ?? 0) + number;
}
