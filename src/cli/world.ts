import type { AgentRunner } from "../domain/agent.ts";

/** What the command line needs from the process it runs in; tests bring their own. */
export interface World {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  nowMs(): number;
  /** Until the returned function is called, these signals no longer end the process by themselves. */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** Ends the process at once; only for the second signal. */
  exit(code: number): void;
  /** By name, agents that work in place of the command line's own. */
  readonly agents?: Readonly<Record<string, AgentRunner>>;
}

export type Terminal = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** 128 + the signal's number; a hangup counts as terminated. */
export function exitCodeOfSignal(signal: StopSignal): 130 | 143 {
  return signal === "SIGINT" ? 130 : 143;
}

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The real process. */
export function processWorld(): World {
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that went away (`| head`) is no reason to stop a run; anything else is told by the write itself.
    stream.on("error", () => {});
  }
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    nowMs: () => Date.now(),
    onSignal: (listener) => {
      const listeners = SIGNALS.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, onSignal] of listeners) process.on(signal, onSignal);
      return () => {
        for (const [signal, onSignal] of listeners) process.off(signal, onSignal);
      };
    },
    exit: (code) => process.exit(code),
  };
}

/** What a person answers to a question. */
export async function firstLine(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stdin) {
    text += Buffer.from(chunk).toString();
    if (text.includes("\n") || text.length > 1_000) break;
  }
  return text.split("\n")[0] ?? "";
}
