import type { Clock } from "../../domain/clock.ts";
import { plainText } from "../../text/sanitize.ts";
import { type Conversation, type ConverseOptions, converse } from "../conversation.ts";

export interface ConnectOptions
  extends Omit<ConverseOptions<Peer>, "agent" | "title" | "closeMs" | "listener"> {
  /** For one answer. */
  readonly patienceMs: number;
  onNotice(method: string, params: unknown): void;
}

/** A running `codex app-server`. */
export interface Connection
  extends Pick<Peer, "ask" | "tell">,
    Pick<Conversation, "gone" | "close" | "kill" | "look" | "freeze" | "thaw" | "lastOutputMs"> {}

export async function connectCodex(options: ConnectOptions): Promise<Connection> {
  const { clock, patienceMs, graceMs, onNotice } = options;
  const codex = await converse({
    ...options,
    agent: "codex",
    title: "Codex",
    closeMs: graceMs,
    listener: ({ send, breach }) => createPeer({ clock, patienceMs, onNotice, send, onBreach: breach }),
  });
  const { ask, tell } = codex.listener;
  const { gone, close, kill, look, freeze, thaw, lastOutputMs } = codex;
  return { ask, tell, gone, close, kill, look, freeze, thaw, lastOutputMs };
}

export interface PeerOptions {
  readonly clock: Clock;
  /** For one answer. */
  readonly patienceMs: number;
  send(line: string): void;
  onNotice(method: string, params: unknown): void;
  /** The other side broke the protocol; nothing more is heard from it. Called once. */
  onBreach(why: string): void;
}

/** One side of the JSON-RPC that Codex speaks: one message per line, no version field. */
export interface Peer {
  /** Rejects with what went wrong: a refusal, no answer in time, a connection that ended. */
  ask(method: string, params: unknown): Promise<unknown>;
  tell(method: string): void;
  hear(line: string): void;
  /** Open questions, and all later ones, end with this. */
  hangUp(why: Error): void;
}

interface Question {
  readonly method: string;
  readonly timer: unknown;
  answer(message: Message): void;
  fail(why: Error): void;
}

type Message = Readonly<Record<"id" | "method" | "params" | "result" | "error", unknown>>;

/** It asks for nothing when its approvals are `never`; one that asks on and on is ended. */
const MOST_REQUESTS = 100;
const REFUSED = { code: -32601, message: "This client grants nothing: go on without it." };

export function createPeer({ clock, patienceMs, send, onNotice, onBreach }: PeerOptions): Peer {
  const open = new Map<number, Question>();
  let asked = 0;
  let requests = 0;
  let over: Error | null = null;

  function take(id: unknown): Question | null {
    const question = open.get(id as number) ?? null;
    if (question !== null) clock.clearTimeout(question.timer);
    open.delete(id as number);
    return question;
  }

  function breach(why: string): void {
    hangUp(new Error(`Codex was ended: ${why}`));
    onBreach(why);
  }

  function refuse(id: unknown): void {
    requests += 1;
    if (requests > MOST_REQUESTS) breach(`it asked for permission more than ${MOST_REQUESTS} times`);
    else send(JSON.stringify({ id, error: REFUSED }));
  }

  function hearAnswer(message: Message): void {
    const { id } = message;
    if (Number.isInteger(id) && (id as number) >= 1 && (id as number) <= asked) {
      // Null: it answered twice, or too late.
      take(id)?.answer(message);
    } else {
      breach(`it answered a question that was not asked (${plainText(String(JSON.stringify(id)), 60)})`);
    }
  }

  function hangUp(why: Error): void {
    over ??= why;
    for (const id of [...open.keys()]) take(id)?.fail(over);
  }

  return {
    ask(method, params) {
      return new Promise((resolve, reject) => {
        if (over !== null) return reject(over);
        asked += 1;
        const id = asked;
        const timer = clock.setTimeout(
          () => take(id)?.fail(new Error(`Codex did not answer "${method}" within ${patienceMs / 1000} s`)),
          patienceMs,
        );
        const answer = ({ error, result }: Message) =>
          error === undefined
            ? resolve(result)
            : reject(new Error(`Codex refused "${method}": ${messageOf(error)}`));
        open.set(id, { method, timer, answer, fail: reject });
        send(JSON.stringify({ id, method, params }));
      });
    },
    tell(method) {
      if (over === null) send(JSON.stringify({ method }));
    },
    hear(line) {
      if (over !== null) return;
      const message = parsed(line);
      if (message === null) return breach(`it wrote a line that is no message: ${plainText(line, 200)}`);
      const { id, method, params } = message;
      if (typeof method !== "string") hearAnswer(message);
      else if (id === undefined) onNotice(method, params);
      else refuse(id);
    },
    hangUp,
  };
}

/** Null for a line that is neither a question, a notice nor an answer. */
function parsed(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return "method" in value || "id" in value ? (value as Message) : null;
  } catch {
    return null;
  }
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { readonly message?: unknown };
  return plainText(typeof message === "string" ? message : JSON.stringify(error), 400);
}
