import type { AgentSpec, AgentUsage } from "../../domain/agent.ts";
import { type Clock, settlesWithin } from "../../domain/clock.ts";
import { causeOf } from "../../domain/failure.ts";
import { sanitizeUsage } from "../../domain/usage.ts";
import { plainText } from "../../text/sanitize.ts";
import { type AgentStream, type TurnProgress, turnProgress } from "../agent-stream.ts";
import type { AcpConnection } from "./connection.ts";
import {
  type PermissionRequest,
  type PromptAnswer,
  promptAnswer,
  textOf,
  toolCalls,
  type Update,
  updateNotice,
} from "./messages.ts";
import {
  canGrant,
  isAllowed,
  outcomeOf,
  type PermissionOutcome,
  type PermissionPolicy,
} from "./permission.ts";

/** The turns of one session: what the agent tells of them, told on as events. */
export interface Turns {
  /** Asks for the next turn; how it ends is told on the stream. */
  begin(text: string): void;
  /** Asks for the end of the turn under way; from now on its end is `agent.interrupted`. */
  interrupt(): Promise<void>;
  /** Stops what it does and asks for this instead, in the same turn. Rejects when no turn is under way. */
  steer(text: string): Promise<void>;
  onUpdate(params: unknown): void;
  permit(request: PermissionRequest): Promise<PermissionOutcome>;
}

export interface TurnsOptions {
  readonly spec: AgentSpec;
  readonly clock: Clock;
  readonly title: string;
  readonly stream: AgentStream;
  readonly policy: Omit<PermissionPolicy, "workspace">;
  /** Known once the session is open. */
  connection(): OpenSession | null;
}

interface OpenSession {
  readonly agent: AcpConnection;
  readonly sessionId: string;
}

/** What it is told when it stopped before the end, as often as `MOST_GO_ONS` in one turn. */
const GO_ON = {
  limit:
    "You stopped before the task was done. Go on where you stopped, and leave the files whole and consistent.",
  refusal:
    "That is not allowed here, and nobody can be asked. Finish the task without it, with files inside the working folder only.",
} as const;
const MOST_GO_ONS = 2;
const PERMIT_MS = 5_000;

export function followTurns(options: TurnsOptions): Turns {
  return new AcpTurns(options);
}

class AcpTurns implements Turns {
  readonly #options: TurnsOptions;
  readonly #progress: TurnProgress;
  readonly #calls = toolCalls();
  readonly #used = meter();
  readonly #spoken: SpokenText;
  /** Grows with each prompt: an answer that comes late is not taken for the next one's. */
  #prompts = 0;
  #isAsking = false;
  /** What the agent is to do instead, once it has stopped. */
  #instead: string | null = null;
  #refused: string | null = null;
  #isBroken = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#progress = turnProgress(options.stream);
    this.#spoken = spokenText(options.stream);
  }

  begin(text: string): void {
    this.#isBroken = false;
    this.#progress.begin();
    this.#spoken.nextTurn();
    this.#options.connection()?.agent.thaw();
    this.#ask(text, 0).catch((error: unknown) => this.#finish(causeOf(error)));
  }

  async interrupt(): Promise<void> {
    this.#progress.interrupt();
    const open = this.#options.connection();
    open?.agent.notify("session/cancel", { sessionId: open.sessionId });
  }

  async steer(text: string): Promise<void> {
    const open = this.#options.connection();
    if (open === null || !this.#isAsking || this.#progress.isInterrupted)
      throw new Error("no turn is under way");
    this.#instead = text;
    open.agent.notify("session/cancel", { sessionId: open.sessionId });
  }

  onUpdate(params: unknown): void {
    const { stream, connection } = this.#options;
    const { data } = updateNotice.safeParse(params);
    if (data === undefined || !stream.isOpen() || data.sessionId !== connection()?.sessionId) return;
    this.#apply(data.update);
  }

  async permit(request: PermissionRequest): Promise<PermissionOutcome> {
    if (this.#progress.isInterrupted || this.#instead !== null) return { outcome: "cancelled" };
    const { spec, policy, clock, stream } = this.#options;
    const call = this.#calls.whole(request.toolCall);
    const judged = isAllowed(call, { workspace: spec.workspace, ...policy });
    // A folder that does not answer must not keep the agent waiting.
    const isGranted = canGrant(request) && (await settlesWithin(clock, PERMIT_MS, judged)) && (await judged);
    if (!isGranted) {
      this.#refused = `${call.kind} ${textOf(call)}`.trim();
      this.#spoken.flush();
      stream.emit({ type: "agent.tool", name: call.kind, text: `not allowed: ${textOf(call)}` });
    }
    return outcomeOf(isGranted, request);
  }

  async #ask(text: string, goOns: number): Promise<void> {
    const open = this.#options.connection();
    if (open === null) throw new Error("the session is not open");
    this.#refused = null;
    this.#instead = null;
    this.#isAsking = true;
    this.#prompts += 1;
    const number = this.#prompts;
    this.#used.asked(text);
    if (this.#progress.start()) this.#progress.report(this.#used.usage());
    const { answer, error } = await this.#answerOf(open, text);
    if (number !== this.#prompts) return;
    this.#isAsking = false;
    this.#used.completeTurn(answer);
    if (answer === null || this.#progress.isInterrupted) return this.#finish(error);
    const { stopReason } = answer;
    // The agent may have come to its end before it heard of it.
    if (stopReason === "cancelled" && this.#instead !== null) return this.#ask(this.#instead, goOns);
    const reminder = this.#reminderAfter(stopReason);
    if (reminder !== null && goOns < MOST_GO_ONS) return this.#ask(reminder, goOns + 1);
    const why = this.#whyNotDone(stopReason);
    // The result is read next: what the agent left running must not write meanwhile.
    if (why === null) await open.agent.freeze();
    this.#finish(why);
  }

  async #answerOf(
    { agent, sessionId }: OpenSession,
    text: string,
  ): Promise<{ readonly answer: PromptAnswer | null; readonly error: string | null }> {
    try {
      const params = { sessionId, prompt: [{ type: "text", text }] };
      const { data } = promptAnswer.safeParse(await agent.ask("session/prompt", params, null));
      if (data !== undefined) return { answer: data, error: null };
      const error = `${this.#options.title} gave an answer to "session/prompt" that is not understood`;
      return { answer: null, error };
    } catch (failure) {
      return { answer: null, error: causeOf((failure as Error).message) };
    }
  }

  #finish(error: string | null): void {
    this.#spoken.flush();
    if (!this.#options.stream.isOpen()) return;
    if (this.#progress.isRunning) this.#progress.report(this.#used.usage());
    this.#progress.end(error, this.#spoken.last());
  }

  #reminderAfter(reason: string): string | null {
    if (reason === "max_tokens" || reason === "max_turn_requests") return GO_ON.limit;
    return reason === "cancelled" && this.#refused !== null ? GO_ON.refusal : null;
  }

  #whyNotDone(reason: string): string | null {
    const { title } = this.#options;
    const refused = this.#refused;
    this.#spoken.flush();
    switch (reason) {
      case "end_turn":
        return this.#isBroken ? (this.#spoken.last() ?? `${title} had a failure of its own`) : null;
      case "max_tokens":
      case "max_turn_requests":
        return `${title} stopped again and again at a limit of its own (${reason}) before the task was done`;
      case "refusal":
        return `${title} refused the task`;
      case "cancelled":
        return `${title} cancelled its turn${refused === null ? " by itself" : ` when it was refused: ${refused}`}`;
      default:
        return `${title} ended its turn as "${plainText(reason, 40)}"`;
    }
  }

  #apply(update: Update): void {
    switch (update.sessionUpdate) {
      case "agent_message_chunk":
      case "agent_thought_chunk": {
        const text = update.content?.text ?? "";
        this.#used.answered(text);
        const kind = update.sessionUpdate === "agent_message_chunk" ? "agent.message" : "agent.thought";
        this.#spoken.append(kind, text, update.messageId ?? null);
        return;
      }
      case "tool_call":
      case "tool_call_update": {
        const event = this.#calls.observe(update);
        this.#spoken.flush();
        if (event !== null) this.#options.stream.emit(event);
        return;
      }
      case "usage_update":
        this.#used.observe(update.used, update.cost?.currency === "USD" ? update.cost.amount : null);
        this.#progress.report(this.#used.usage());
        return;
      case "session_info_update":
        this.#isBroken ||= isSystemError(update._meta);
    }
  }
}

/** Codex ends such a turn as if all were well; what went wrong is in the text. */
function isSystemError(meta: unknown): boolean {
  const { codex } = (meta ?? {}) as { codex?: { threadStatus?: unknown } };
  return JSON.stringify(codex?.threadStatus ?? null).includes("systemError");
}

/** Puts the pieces together in which an agent speaks: one event for what was said in one go. */
interface SpokenText {
  /** Pieces of another message begin another event; not every agent names its messages. */
  append(type: "agent.message" | "agent.thought", piece: string, messageId: string | null): void;
  /** Something else was heard: what was said until now is told. */
  flush(): void;
  nextTurn(): void;
  /** The last message of this turn; null when nothing was said. */
  last(): string | null;
}

/** As much is told at once at most: who talks without end must be heard before it ends. */
const PIECE_LENGTH = 2_000;

function spokenText(stream: Pick<AgentStream, "emit">): SpokenText {
  let type: "agent.message" | "agent.thought" = "agent.message";
  let text = "";
  let message: string | null = null;
  let last: string | null = null;

  function flush(): void {
    const trimmed = text.trim();
    text = "";
    if (trimmed === "") return;
    if (type === "agent.message") last = trimmed;
    stream.emit({ type, text: trimmed });
  }

  return {
    append(kind, piece, messageId) {
      if (kind !== type || messageId !== message) flush();
      type = kind;
      message = messageId;
      for (let rest = piece; rest !== ""; rest = rest.slice(PIECE_LENGTH)) {
        text += rest.slice(0, PIECE_LENGTH);
        if (text.length >= PIECE_LENGTH) flush();
      }
    },
    flush,
    nextTurn() {
      text = "";
      last = null;
    },
    last: () => last,
  };
}

/** What an agent used, from what it reports in its several ways, else from the bytes. */
export interface Meter {
  asked(text: string): void;
  answered(text: string): void;
  /** Tokens in its context: it has read at least as many. Cost so far. */
  observe(used: unknown, costUsd: number | null): void;
  /** The turn is over, with what its answer reports. */
  completeTurn(answer: PromptAnswer | null): void;
  usage(): AgentUsage;
}

const BYTES_PER_TOKEN = 4;

export function meter(): Meter {
  let turns = 0;
  let askedBytes = 0;
  let answeredBytes = 0;
  /** Of the turns before this one. */
  let past = { input: 0, output: 0 };
  let kinds: Pick<AgentUsage, "cachedInputTokens" | "reasoningOutputTokens"> = {};
  let context: number | null = null;
  let usage: AgentUsage | null = null;

  function use(claim: Partial<AgentUsage>): void {
    usage = sanitizeUsage({ turns, ...claim }, usage);
  }

  /** Each answer reports its own turn. */
  function kindsOf(answer: PromptAnswer | null): typeof kinds {
    const cached = whole(answer?.usage?.cachedReadTokens);
    const thought = whole(answer?.usage?.thoughtTokens);
    kinds = {
      ...kinds,
      ...(cached === null ? {} : { cachedInputTokens: (kinds.cachedInputTokens ?? 0) + cached }),
      ...(thought === null ? {} : { reasoningOutputTokens: (kinds.reasoningOutputTokens ?? 0) + thought }),
    };
    return kinds;
  }

  return {
    asked(text) {
      turns += 1;
      askedBytes = Buffer.byteLength(text);
      answeredBytes = 0;
      context = null;
      use({});
    },
    answered(text) {
      answeredBytes += Buffer.byteLength(text);
    },
    observe(used, costUsd) {
      if (Number.isSafeInteger(used) && (used as number) >= 0)
        context = Math.max(context ?? 0, used as number);
      use({
        ...(context === null ? {} : { inputTokens: past.input + context }),
        ...(costUsd === null ? {} : { costUsd }),
      });
    },
    completeTurn(answer) {
      const reported = answer === null ? null : reportedBy(answer);
      past = {
        input: past.input + (reported?.input ?? context ?? Math.ceil(askedBytes / BYTES_PER_TOKEN)),
        output: past.output + (reported?.output ?? Math.ceil(answeredBytes / BYTES_PER_TOKEN)),
      };
      use({
        inputTokens: past.input,
        outputTokens: past.output,
        ...kindsOf(answer),
        ...(reported === null ? { estimated: true } : {}),
      });
    },
    usage: () => usage ?? sanitizeUsage({ turns }, null),
  };
}

/** Null when it reports nothing, or nothing that is a number of tokens. */
function reportedBy({
  usage,
  _meta,
}: PromptAnswer): { readonly input: number; readonly output: number } | null {
  const quota = _meta?.quota?.token_count;
  const output = whole(usage?.outputTokens) ?? whole(quota?.output_tokens);
  const named = whole(usage?.inputTokens) ?? whole(quota?.input_tokens);
  if (output === null || named === null) return null;
  // What was read from a cache may be in the total alone.
  return { input: Math.max(named, (whole(usage?.totalTokens) ?? 0) - output), output };
}

/** No turn takes as many as this. */
const MOST_TOKENS = 1e9;

function whole(value: number | null | undefined): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MOST_TOKENS
    ? (value as number)
    : null;
}
