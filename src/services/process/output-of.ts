import { execFile } from "node:child_process";
import { plainText } from "../agents/plain-text.ts";
import type { Command } from "./supervised-process.ts";

export interface Output {
  readonly stdout: string;
  /** One line; what the program said when it failed. */
  readonly why: string;
}

/** What a short command of ours says; for probes. It is ended when it takes longer. Never rejects. */
export function outputOf({ file, args, env, cwd }: Command, patienceMs: number): Promise<Output> {
  return new Promise((resolve) => {
    const options = { env, cwd, timeout: patienceMs, killSignal: "SIGKILL" } as const;
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      const said = stderr.trim().split("\n").at(-1) || error?.message || "it said nothing";
      resolve({ stdout, why: plainText(said, 200) });
    });
    // A program that is not there has closed it already.
    child.stdin?.on("error", () => {}).end();
  });
}
