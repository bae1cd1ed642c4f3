import type { AnyMessage, Stream } from "@agentclientprotocol/sdk";
import { plainText } from "../../text/sanitize.ts";
import type { Line } from "../conversation.ts";

export interface TransportOptions {
  readonly line: Line;
  /** In the order in which they come, and before any answer that comes after them. */
  onNotice(method: string, params: unknown): void;
}

/** Lines of an agent as the stream that the SDK reads, with nothing in it that the SDK would trip over. */
export interface Transport {
  readonly stream: Stream;
  hear(line: string): void;
  close(): void;
}

/** An agent asks for permission now and then; one that asks on and on is ended. */
const MOST_REQUESTS = 1_000;
/** Programs print a word now and then where only messages belong. */
const MOST_STRAY = 20;

export function createTransport({ line, onNotice }: TransportOptions): Transport {
  const open = new Set<unknown>();
  const answered = new Set<unknown>();
  let requests = 0;
  let stray = 0;
  let isOver = false;
  let input: ReadableStreamDefaultController<AnyMessage> | null = null;

  const readable = new ReadableStream<AnyMessage>({
    start(controller) {
      input = controller;
    },
  });
  const writable = new WritableStream<AnyMessage>({
    write(message) {
      if ("method" in message && "id" in message) open.add(message.id);
      line.send(JSON.stringify(message));
    },
  });

  function breach(why: string): void {
    isOver = true;
    line.breach(why);
  }

  function hearAnswer(message: AnyMessage, id: unknown): void {
    if (open.delete(id)) {
      answered.add(id);
      input?.enqueue(message);
    } else if (!answered.has(id)) {
      breach(`it answered a question that was not asked (${plainText(String(JSON.stringify(id)), 60)})`);
    }
  }

  return {
    stream: { readable, writable },
    hear(text) {
      if (isOver) return;
      const message = parsed(text);
      if (message === null) {
        const why = misshapen(text);
        if (why !== null) return breach(why);
        stray += 1;
        if (stray > MOST_STRAY) {
          breach(`it wrote more than ${MOST_STRAY} lines that are no messages: ${plainText(text, 200)}`);
        }
      } else if (!("method" in message)) {
        hearAnswer(message, message.id);
      } else if (!("id" in message)) {
        onNotice(message.method, message.params);
      } else {
        requests += 1;
        if (requests > MOST_REQUESTS) breach(`it asked more than ${MOST_REQUESTS} times`);
        else input?.enqueue(message);
      }
    },
    close() {
      isOver = true;
    },
  };
}

/**
 * Who writes messages in another shape will never be understood, so waiting for an answer is idle. Null for a line that
 * is no attempt at a message.
 */
function misshapen(text: string): string | null {
  const line = text.trim();
  if (/^\[\s*(?:\{|$)/.test(line))
    return "it wrote several messages in one list; each belongs on a line of its own";
  const isWhole = /^\{.*\}$/.test(line);
  if (isWhole || !/^\{\s*(?:$|"(?:jsonrpc|id|method|result|params)")/.test(line)) return null;
  return `it wrote a message over several lines, or half of one: ${plainText(line, 200)}`;
}

/** Null for a line that is neither a question, a notice nor an answer. */
function parsed(text: string): AnyMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    if ("method" in value) return typeof value.method === "string" ? (value as AnyMessage) : null;
    // Without an id it answers a line of ours that it did not understand.
    return "id" in value && value.id !== null ? (value as AnyMessage) : null;
  } catch {
    return null;
  }
}
