import type { AgentUsage } from "../domain/agent.ts";
import { plainText } from "../text/sanitize.ts";
import type { AgentStream } from "./agent-stream.ts";

/** The statuses of one turn after another, whatever protocol the agent speaks: each is emitted once. */
export interface TurnProgress {
  /** Opens a further turn. */
  begin(): void;
  /** Emits that the agent is at work; false when that was emitted before in this turn. */
  start(): boolean;
  readonly isRunning: boolean;
  /** From now on the end of the turn is an interruption. */
  interrupt(): void;
  readonly isInterrupted: boolean;
  /** Agents report the same use again and again; a repetition is left out. */
  report(usage: AgentUsage): void;
  /** Emits how the turn ended: interrupted, with this error, or well and with this closing message. */
  end(error: string | null, message: string | null): void;
}

export function turnProgress(stream: AgentStream): TurnProgress {
  let isRunning = false;
  let isInterrupted = false;
  let reported = "";
  return {
    begin() {
      isRunning = false;
      isInterrupted = false;
      stream.nextTurn();
    },
    start() {
      if (isRunning) return false;
      isRunning = true;
      stream.tell({ type: "agent.running" });
      return true;
    },
    get isRunning() {
      return isRunning;
    },
    interrupt() {
      isInterrupted = true;
    },
    get isInterrupted() {
      return isInterrupted;
    },
    report(usage) {
      const text = JSON.stringify(usage);
      if (text !== reported) stream.tell({ type: "agent.usage", usage });
      reported = text;
    },
    end(error, message) {
      if (isInterrupted) stream.tell({ type: "agent.interrupted" });
      else if (error === null) stream.tell({ type: "agent.completed", message });
      else stream.tell({ type: "agent.errored", message: plainText(error, 500).replace(/\s+/g, " ").trim() });
    },
  };
}
