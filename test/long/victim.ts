import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { bundled } from "./bundled.ts";

/** When a process is to die; `step` as `kill-points.child.ts` says it, after so many of the same name. */
export type Moment =
  | { readonly step: string; readonly after: number }
  | { readonly steps: number; readonly delayMs: number }
  | null;

export interface Died {
  /** False: it came to its end before the moment. */
  readonly killed: boolean;
  readonly code: number | null;
  /** Every step it was about to take, the last one included. */
  readonly steps: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

export interface Victims {
  /** Lives until its moment. `home` is where its steps are counted. */
  die(home: string, argv: readonly string[], moment: Moment): Promise<Died>;
  clear(): void;
}

/** Processes of one program that are there to be killed with -9. */
export async function victims(entry: string): Promise<Victims> {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-victims-"));
  // As deep as in the project: the command reads its version from the package above it.
  const built = join(folder, "test/long");
  cpSync("package.json", join(folder, "package.json"));
  const [program, preload] = await Promise.all([
    bundled(entry, built),
    bundled("test/long/kill-points.child.ts", built),
  ]);
  return {
    clear: () => rmSync(folder, { recursive: true, force: true }),
    die: async (home, argv, moment) => {
      const at = moment !== null && "step" in moment ? { KILL_AT: `${moment.after} ${moment.step}` } : {};
      const child = spawn(process.execPath, ["--import", preload, program, ...argv], {
        env: { PATH: process.env.PATH, HOME: folder, NODE_COMPILE_CACHE: folder, KILL_BELOW: home, ...at },
        stdio: ["ignore", "pipe", "pipe", "pipe"],
      });
      const text = { stdout: "", stderr: "" };
      child.stdout?.setEncoding("utf8").on("data", (part: string) => (text.stdout += part));
      child.stderr?.setEncoding("utf8").on("data", (part: string) => (text.stderr += part));
      const steps: string[] = [];
      createInterface({ input: child.stdio[3] as NodeJS.ReadableStream }).on("line", (step) => {
        steps.push(step);
        if (moment === null || "step" in moment || steps.length !== moment.steps) return;
        void wait(moment.delayMs).then(() => child.kill("SIGKILL"));
      });
      const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
      return { killed: child.signalCode === "SIGKILL", code, steps, ...text };
    },
  };
}
