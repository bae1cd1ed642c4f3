import type { AgentStream } from "../agent-stream.ts";

/** Puts the pieces together in which an agent speaks: one event for what was said in one go. */
export interface SpokenText {
  /** Pieces of another message begin another event; not every agent names its messages. */
  hear(type: "agent.message" | "agent.thought", piece: string, messageId: string | null): void;
  /** Something else was heard: what was said until now is told. */
  flush(): void;
  nextTurn(): void;
  /** The last message of this turn; null when nothing was said. */
  last(): string | null;
}

/** As much is told at once at most: who talks without end must be heard before it ends. */
const TOLD_LENGTH = 2_000;

export function spokenText(stream: Pick<AgentStream, "tell">): SpokenText {
  let type: "agent.message" | "agent.thought" = "agent.message";
  let text = "";
  let message: string | null = null;
  let last: string | null = null;

  function flush(): void {
    const said = text.trim();
    text = "";
    if (said === "") return;
    if (type === "agent.message") last = said;
    stream.tell({ type, text: said });
  }

  return {
    hear(kind, piece, messageId) {
      if (kind !== type || messageId !== message) flush();
      type = kind;
      message = messageId;
      for (let rest = piece; rest !== ""; rest = rest.slice(TOLD_LENGTH)) {
        text += rest.slice(0, TOLD_LENGTH);
        if (text.length >= TOLD_LENGTH) flush();
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
