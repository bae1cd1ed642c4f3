import { spawn } from "node:child_process";
import { plainText } from "../text/sanitize.ts";
import { feed } from "./environment.ts";
import { tail } from "./line-reader.ts";
import type { Command } from "./supervised-process.ts";

export interface Output {
  readonly stdout: string;
  /** One line; what the program said when it failed. */
  readonly why: string;
}

/** Of each stream the end. */
const MOST_BYTES = 64 * 1024;

/** What a short command of ours says; for probes. It is ended when it takes longer. Never rejects. */
export function outputOf(command: Command, patienceMs: number): Promise<Output> {
  const { file, args, env, cwd, feeds = [] } = command;
  return new Promise((resolve) => {
    const [stdout, stderr] = [tail(MOST_BYTES), tail(MOST_BYTES)];
    const end = (how: string) => {
      const said = stderr.text().trim().split("\n").at(-1) || how;
      resolve({ stdout: stdout.text(), why: plainText(said, 200) });
    };
    const pipes = feeds.map(() => "pipe" as const);
    const limits = { timeout: patienceMs, killSignal: "SIGKILL" } as const;
    const child = spawn(file, args, { env, cwd, stdio: ["ignore", "pipe", "pipe", ...pipes], ...limits });
    child.stdout?.on("data", stdout.feed);
    child.stderr?.on("data", stderr.feed);
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(`it ended with ${signal ?? `code ${code}`}`));
    feed(child, feeds);
  });
}
