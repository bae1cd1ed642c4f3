import type { AgentSpec } from "../../domain/agent.ts";
import { causeOf } from "../../domain/failure.ts";
import type { Clock } from "../../domain/ports.ts";
import { settlesWithin } from "../../process/wait.ts";
import { plainText } from "../../text/sanitize.ts";
import type { AgentStream } from "../agent-stream.ts";
import type { AcpConnection } from "./connection.ts";
import {
  type PermissionRequest,
  type PromptAnswer,
  promptAnswer,
  type Update,
  updateNotice,
} from "./messages.ts";
import { meter } from "./meter.ts";
import {
  canGrant,
  isAllowed,
  outcomeOf,
  type PermissionOutcome,
  type PermissionPolicy,
} from "./permission.ts";
import { spokenText } from "./spoken-text.ts";
import { textOf, toolCalls } from "./tool-calls.ts";

/** The turns of one session: what the agent tells of them, told on as events. */
export interface Turns {
  /** Asks for the next turn; how it ends is told on the stream. */
  begin(text: string): void;
  /** Asks for the end of the turn under way; from now on its end is `agent.interrupted`. */
  interrupt(): Promise<void>;
  /** Stops what it does and asks for this instead, in the same turn. Rejects when no turn is under way. */
  steer(text: string): Promise<void>;
  hear(params: unknown): void;
  permit(request: PermissionRequest): Promise<PermissionOutcome>;
}

export interface TurnsOptions {
  readonly spec: AgentSpec;
  readonly clock: Clock;
  readonly title: string;
  readonly stream: AgentStream;
  readonly policy: Omit<PermissionPolicy, "workspace">;
  /** Known once the session is open. */
  connection(): { readonly agent: AcpConnection; readonly sessionId: string } | null;
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

export function followTurns({ spec, clock, title, stream, policy, connection }: TurnsOptions): Turns {
  const calls = toolCalls();
  const used = meter();
  const spoken = spokenText(stream);
  /** Grows with each prompt: an answer that comes late is not taken for the next one's. */
  let prompts = 0;
  let isRunning = false;
  let interrupted = false;
  let isAsking = false;
  /** What it is to do instead, once it has stopped. */
  let instead: string | null = null;
  let refused: string | null = null;
  let isBroken = false;
  let told = "";

  function running(): void {
    if (isRunning) return;
    isRunning = true;
    stream.tell({ type: "agent.running" });
    tellUse();
  }

  /** Some agents report the same again and again. */
  function tellUse(): void {
    const usage = used.usage();
    const text = JSON.stringify(usage);
    if (text !== told) stream.tell({ type: "agent.usage", usage });
    told = text;
  }

  function finish(error: string | null): void {
    spoken.flush();
    if (!stream.isOpen()) return;
    if (isRunning) tellUse();
    if (interrupted) stream.tell({ type: "agent.interrupted" });
    else if (error === null) stream.tell({ type: "agent.completed", message: spoken.last() });
    else stream.tell({ type: "agent.errored", message: plainText(error, 500).replace(/\s+/g, " ").trim() });
  }

  async function ask(text: string, goOns: number): Promise<void> {
    const open = connection();
    if (open === null) throw new Error("the session is not open");
    refused = null;
    instead = null;
    isAsking = true;
    prompts += 1;
    const number = prompts;
    used.asked(text);
    running();
    const params = { sessionId: open.sessionId, prompt: [{ type: "text", text }] };
    let answer: PromptAnswer | null = null;
    let error: string | null = null;
    try {
      const found = promptAnswer.safeParse(await open.agent.ask("session/prompt", params, null));
      answer = found.data ?? null;
      if (answer === null) error = `${title} gave an answer to "session/prompt" that is not understood`;
    } catch (failure) {
      error = causeOf((failure as Error).message);
    }
    if (number !== prompts) return;
    isAsking = false;
    used.settle(answer);
    if (answer === null || interrupted) return finish(error);
    const { stopReason } = answer;
    // It may have come to its end before it heard of it.
    if (stopReason === "cancelled" && instead !== null) return ask(instead, goOns);
    const reminder = reminderAfter(stopReason);
    if (reminder !== null && goOns < MOST_GO_ONS) return ask(reminder, goOns + 1);
    const why = whyNotDone(stopReason);
    // The result is read next: what it left running must not write meanwhile.
    if (why === null) await open.agent.freeze();
    finish(why);
  }

  function reminderAfter(reason: string): string | null {
    if (reason === "max_tokens" || reason === "max_turn_requests") return GO_ON.limit;
    return reason === "cancelled" && refused !== null ? GO_ON.refusal : null;
  }

  function whyNotDone(reason: string): string | null {
    spoken.flush();
    switch (reason) {
      case "end_turn":
        return isBroken ? (spoken.last() ?? `${title} had a failure of its own`) : null;
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

  function hearUpdate(update: Update): void {
    switch (update.sessionUpdate) {
      case "agent_message_chunk":
      case "agent_thought_chunk": {
        const text = update.content?.text ?? "";
        used.answered(text);
        const kind = update.sessionUpdate === "agent_message_chunk" ? "agent.message" : "agent.thought";
        spoken.hear(kind, text, update.messageId ?? null);
        return;
      }
      case "tool_call":
      case "tool_call_update": {
        const event = calls.heard(update);
        spoken.flush();
        if (event !== null) stream.tell(event);
        return;
      }
      case "usage_update":
        used.heard(update.used, update.cost?.currency === "USD" ? update.cost.amount : null);
        tellUse();
        return;
      case "session_info_update":
        isBroken ||= isSystemError(update._meta);
    }
  }

  return {
    begin(text) {
      interrupted = false;
      isRunning = false;
      isBroken = false;
      stream.nextTurn();
      spoken.nextTurn();
      connection()?.agent.thaw();
      ask(text, 0).catch((error: unknown) => finish(causeOf(error)));
    },
    async interrupt() {
      interrupted = true;
      const open = connection();
      open?.agent.tell("session/cancel", { sessionId: open.sessionId });
    },
    async steer(text) {
      const open = connection();
      if (open === null || !isAsking || interrupted) throw new Error("no turn is under way");
      instead = text;
      open.agent.tell("session/cancel", { sessionId: open.sessionId });
    },
    hear(params) {
      const { data } = updateNotice.safeParse(params);
      if (data === undefined || !stream.isOpen() || data.sessionId !== connection()?.sessionId) return;
      hearUpdate(data.update);
    },
    async permit(request) {
      if (interrupted || instead !== null) return { outcome: "cancelled" };
      const call = calls.whole(request.toolCall);
      const judged = isAllowed(call, { workspace: spec.workspace, ...policy });
      // A folder that does not answer must not keep the agent waiting.
      const isGranted =
        canGrant(request) && (await settlesWithin(clock, PERMIT_MS, judged)) && (await judged);
      if (!isGranted) {
        refused = `${call.kind} ${textOf(call)}`.trim();
        spoken.flush();
        stream.tell({ type: "agent.tool", name: call.kind, text: `not allowed: ${textOf(call)}` });
      }
      return outcomeOf(isGranted, request);
    },
  };
}

/** Codex ends such a turn as if all were well; what went wrong is in the text. */
function isSystemError(meta: unknown): boolean {
  const { codex } = (meta ?? {}) as { codex?: { threadStatus?: unknown } };
  return JSON.stringify(codex?.threadStatus ?? null).includes("systemError");
}
