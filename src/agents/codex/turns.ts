import type { AgentSpec, AgentUsage } from "../../domain/agent.ts";
import { causeOf } from "../../domain/failure.ts";
import type { ProcessStat } from "../../process/process-identity.ts";
import { plainText } from "../../text/sanitize.ts";
import type { AgentStream } from "../agent-stream.ts";
import { sanitizeUsage } from "../usage.ts";
import type { Connection } from "./connection.ts";
import { completedEvent, startedEvent } from "./item-events.ts";
import {
  type CodexTurn,
  causeOfTurn,
  errorNotice,
  itemNotice,
  statusNotice,
  turnNotice,
  usageNotice,
} from "./notices.ts";
import { startTurn, steerTurn } from "./thread.ts";
import { tokenCount } from "./token-count.ts";

/** The turns of one thread: what Codex tells of them, told on as events. */
export interface Turns {
  /** Asks for the next turn; how it ends is told on the stream. */
  begin(text: string): void;
  /** Asks Codex to stop the turn under way; from now on its end is `agent.interrupted`. */
  interrupt(): Promise<void>;
  /** A word to the turn under way. Rejects when there is none. */
  steer(text: string): Promise<void>;
  hear(method: string, params: unknown): void;
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
  isRunning: boolean;
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

export function followTurns({ spec, stream, connection }: TurnsOptions): Turns {
  const past = new Set<string>();
  const tokens = tokenCount();
  const busyElsewhere = new Set<string>();
  let usage: AgentUsage | null = null;
  let turn: Turn | null = null;
  let interrupted = false;
  let starting: Promise<void> = Promise.resolve();

  function isOurs(threadId: string): boolean {
    return threadId === connection().threadId;
  }

  function running(of: Turn, id: string): void {
    if (of.id !== null || of.isOver || past.has(id)) return;
    of.id = id;
    if (of.isRunning) return;
    of.isRunning = true;
    stream.tell({ type: "agent.running" });
    use({ turns: of.number });
  }

  function use(claim: Partial<AgentUsage>): void {
    usage = sanitizeUsage({ turns: turn?.number, ...claim }, usage);
    stream.tell({ type: "agent.usage", usage });
  }

  function finish(of: Turn, error: string | null): void {
    if (of !== turn || !stream.isOpen()) return;
    of.isOver = true;
    if (!of.isMetered && of.isRunning) {
      use({
        inputTokens: (usage?.inputTokens ?? 0) + Math.ceil(of.asked / BYTES_PER_TOKEN),
        outputTokens: (usage?.outputTokens ?? 0) + Math.ceil(of.answered / BYTES_PER_TOKEN),
        estimated: true,
      });
    }
    if (interrupted) stream.tell({ type: "agent.interrupted" });
    else if (error === null) stream.tell({ type: "agent.completed", message: of.message });
    else stream.tell({ type: "agent.errored", message: plainText(error, 500).replace(/\s+/g, " ").trim() });
  }

  /** The result is read next: nobody may be left who writes. */
  async function settle(of: Turn): Promise<void> {
    const { codex, threadId, own } = connection();
    try {
      codex.look();
      await codex.ask("thread/backgroundTerminals/clean", { threadId });
      // It answers before those it ends are gone. Codex itself goes on: it must hear of our death.
      await codex.freeze(own);
      finish(of, busyElsewhere.size === 0 ? null : "Codex left agents of its own at work");
    } catch (error) {
      finish(of, `what Codex left running could not be ended: ${causeOf(error)}`);
    }
  }

  function over({ id, status, error }: CodexTurn): void {
    if (turn === null || turn.isOver || past.has(id) || (turn.id !== null && turn.id !== id)) return;
    running(turn, id);
    turn.isOver = true;
    past.add(id);
    if (status === "completed" && !interrupted) return void settle(turn);
    if (status === "interrupted") interrupted = true;
    const cause = error == null ? turn.error : causeOfTurn(error);
    finish(turn, cause ?? `Codex ended its turn as "${plainText(status, 40)}" without saying why`);
  }

  function hearItem(params: unknown, event: typeof startedEvent): void {
    const { data } = itemNotice.safeParse(params);
    if (data === undefined || turn === null || turn.isOver) return;
    if (data.item.type === "agentMessage" && isOurs(data.threadId)) {
      turn.message = data.item.text.slice(0, 4_000);
      turn.answered += Buffer.byteLength(data.item.text);
    }
    const told = event(data.item);
    if (told !== null) stream.tell(told);
  }

  function hearUsage(params: unknown): void {
    const { data } = usageNotice.safeParse(params);
    if (data === undefined || !tokens.record(data.threadId, data.tokenUsage.total)) return;
    if (turn !== null) turn.isMetered = true;
    use(tokens.total());
  }

  return {
    begin(text) {
      const now: Turn = {
        number: (turn?.number ?? 0) + 1,
        id: null,
        isRunning: false,
        isOver: false,
        message: null,
        error: null,
        asked: Buffer.byteLength(text),
        answered: 0,
        isMetered: false,
      };
      turn = now;
      interrupted = false;
      stream.nextTurn();
      const { codex, threadId } = connection();
      codex.thaw();
      starting = startTurn(codex, threadId, spec, text).then(
        (id) => running(now, id),
        (error: unknown) => finish(now, causeOf(error)),
      );
    },
    async interrupt() {
      interrupted = true;
      const { codex, threadId } = connection();
      await starting;
      if (turn?.id != null) await codex.ask("turn/interrupt", { threadId, turnId: turn.id });
    },
    async steer(text) {
      await starting;
      if (turn?.id == null || turn.isOver) throw new Error("no turn is under way");
      const { codex, threadId } = connection();
      turn.asked += Buffer.byteLength(text);
      await steerTurn(codex, { threadId, turnId: turn.id }, text);
    },
    hear(method, params) {
      if (method === "item/started") return hearItem(params, startedEvent);
      if (method === "item/completed") return hearItem(params, completedEvent);
      if (method === "thread/tokenUsage/updated") return hearUsage(params);
      if (method === "turn/started" || method === "turn/completed") {
        const { data } = turnNotice.safeParse(params);
        if (data === undefined || !isOurs(data.threadId)) return;
        if (method === "turn/completed") over(data.turn);
        else if (turn !== null) running(turn, data.turn.id);
      } else if (method === "error") {
        const { data } = errorNotice.safeParse(params);
        if (data === undefined || turn === null || turn.isOver || !isOurs(data.threadId)) return;
        turn.error = causeOfTurn(data.error);
        if (data.willRetry) stream.tell({ type: "agent.thought", text: turn.error.slice(0, 400) });
      } else if (method === "thread/status/changed") {
        const { data } = statusNotice.safeParse(params);
        if (data === undefined || isOurs(data.threadId)) return;
        if (data.status.type !== "active") busyElsewhere.delete(data.threadId);
        else if (busyElsewhere.size < MOST_BUSY) busyElsewhere.add(data.threadId);
      }
    },
  };
}
