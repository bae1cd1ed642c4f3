import { type Conversation, type ConverseOptions, converse } from "../conversation.ts";
import { createPeer, type Peer } from "./peer.ts";

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
