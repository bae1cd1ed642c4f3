import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import type { Answer } from "./invoke.ts";

export interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Answer & { readonly signal: NodeJS.Signals | null }>;
  /** Resolves when stderr has shown this text; rejects when the process ends without it. */
  said(text: string): Promise<void>;
}

export const ENTRY = resolve("bin/slowwave.js");

/** The real command line in a process of its own; it goes with the test. */
export function start(...how: Parameters<typeof launched>): Started {
  const started = launched(...how);
  onTestFinished(() => void started.process.kill("SIGKILL"));
  return started;
}

/** The same until it ends by itself. */
export function run(...how: Parameters<typeof launched>): Promise<Answer> {
  return launched(...how).ended;
}

/** `through` are words before the command, such as a shell that sets limits. */
function launched(
  argv: readonly string[],
  {
    env = {},
    through = [],
    flags = [],
  }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly through?: readonly string[];
    readonly flags?: readonly string[];
  } = {},
): Started {
  const [file = "", ...words] = [...through, process.execPath, ...flags, ENTRY, ...argv];
  const child = spawn(file, words, {
    env: { PATH: process.env.PATH, HOME: "/nowhere", ...env },
    stdio: "pipe",
  });
  const parts = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      parts[name] += text;
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<Answer & { signal: NodeJS.Signals | null }>((done) => {
    child.on("close", (code, signal) => done({ code: code ?? -1, signal, ...parts }));
  });
  return {
    process: child,
    ended,
    said: (text) =>
      new Promise((seen, missed) => {
        const look = () => {
          if (parts.stderr.includes(text)) seen();
        };
        waiting.add(look);
        look();
        void ended.then(() => missed(new Error(`never said ${text}: ${parts.stderr}`)));
      }),
  };
}

/** Command lines of living processes that name this path. */
export function processesOf(path: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return words.includes(path) ? [words] : [];
      } catch {
        return [];
      }
    });
}
