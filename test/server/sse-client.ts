import { type IncomingMessage, request } from "node:http";
import { onTestFinished } from "vitest";
import { TOKEN } from "./server-world.ts";

export interface Message {
  readonly id: string;
  readonly data: unknown;
}

/** A client of the live stream over a real socket, as a browser's: it knows the last id, and can be told to stop reading. */
export interface SseClient {
  readonly status: number;
  readonly messages: Message[];
  /** Everything as it came over the wire. */
  readonly raw: () => string;
  readonly lastId: () => string;
  /** Resolves once this many messages have come; rejects when the line ends before. */
  received(count: number): Promise<readonly Message[]>;
  /** Resolves once what came over the wire matches. */
  saw(pattern: RegExp): Promise<void>;
  readonly gone: Promise<void>;
  pause(): void;
  resume(): void;
  close(): void;
}

export async function listenTo(url: string, lastEventId?: string): Promise<SseClient> {
  const asked = request(url, {
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    },
  });
  asked.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.on("response", resolve).on("error", reject);
  });
  const messages: Message[] = [];
  const watchers = new Set<() => void>();
  let raw = "";
  let rest = "";
  let lastId = lastEventId ?? "";
  let isGone = false;
  const gone = new Promise<void>((resolve) => {
    response.on("close", () => {
      isGone = true;
      for (const look of watchers) look();
      resolve();
    });
  });
  response.on("error", () => {});
  response.setEncoding("utf8").on("data", (chunk: string) => {
    raw += chunk;
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
      if (fields.id !== undefined) lastId = fields.id;
      if (fields.data !== undefined) messages.push({ id: fields.id, data: JSON.parse(fields.data) });
    }
    for (const look of watchers) look();
  });
  const until = (isThere: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (isThere()) resolve();
        else if (isGone) reject(new Error(`the line ended after ${messages.length} messages`));
        else return;
        watchers.delete(look);
      };
      watchers.add(look);
      look();
    });
  const close = () => {
    asked.destroy();
  };
  onTestFinished(close);
  return {
    status: response.statusCode ?? 0,
    messages,
    raw: () => raw,
    lastId: () => lastId,
    received: async (count) => {
      await until(() => messages.length >= count);
      return messages;
    },
    saw: (pattern) => until(() => pattern.test(raw)),
    gone,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close,
  };
}
