import type { AgentHandle } from "../domain/agent.ts";
import { type Clock, settlesWithin } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { AgentStream } from "./agent-stream.ts";
import type { Conversation } from "./conversation.ts";

export interface TurnHandleOptions {
  readonly id: string;
  readonly threadId: string;
  readonly sandbox: string;
  readonly stream: AgentStream;
  readonly process: Pick<Conversation, "gone" | "close" | "kill" | "lastOutputMs">;
  readonly clock: Clock;
  /** To stop when asked, before it is ended. */
  readonly graceMs: number;
  readonly turns: {
    /** How the turn ends is told on the stream. */
    begin(text: string): void;
    /** Asks for the end of the turn under way; settles when it was asked. */
    interrupt(): Promise<void>;
    /** Absent: a turn under way can't be told anything. */
    steer?(text: string): Promise<void>;
  };
}

/** The handle of an agent that lives on in a process of its own and takes turns in one session. */
export function turnHandle(options: TurnHandleOptions): AgentHandle {
  const { id, threadId, sandbox, stream, process, clock, graceMs, turns } = options;
  let isStopping = false;
  const over = process.gone.then(({ why }) => {
    stream.tell(isStopping ? { type: "agent.interrupted" } : { type: "agent.errored", message: why });
    stream.end();
  });

  return {
    id,
    threadId,
    sandbox,
    events$: stream.events$,
    lastActivityMs: process.lastOutputMs,
    async prompt(text) {
      if (isStopping) throw new SlowwaveError("agent_closed", "The agent has been stopped.");
      if (stream.isOpen()) throw new SlowwaveError("agent_busy", "The agent is still in its turn.");
      turns.begin(text);
    },
    ...(turns.steer === undefined
      ? {}
      : { steer: (text: string) => turns.steer?.(text) ?? Promise.resolve() }),
    async interrupt() {
      if (!stream.isOpen()) return;
      isStopping = true;
      const ended = new Promise<void>((resolve) => {
        stream.events$.subscribe({ complete: resolve, next: () => stream.isOpen() || resolve() });
      });
      const stopped = Promise.all([ended, turns.interrupt()]).catch(() => ended);
      if (!(await settlesWithin(clock, graceMs, stopped))) process.kill();
      await ended;
    },
    async close() {
      isStopping = true;
      // Not waited for: closing its stdin ends the turn as well.
      if (stream.isOpen()) turns.interrupt().catch(() => {});
      await process.close();
      await over;
    },
  };
}
