import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { main } from "../../src/cli/main.ts";
import type { StopSignal, Terminal, World } from "../../src/cli/world.ts";
import type { AgentRunner } from "../../src/domain/agent.ts";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { readWorkspace, writeSkills, writeWorkspaceFile } from "../../src/extractive/workspace.ts";

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Invoked {
  readonly home: string;
  /** The command line in this process, in a world of its own. */
  slowwave(...argv: readonly string[]): Promise<Answer>;
  /** The same with the JSON of stdout; fails when there is more or less than one document. */
  json(...argv: readonly string[]): Promise<{ readonly code: number; readonly value: unknown }>;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: readonly (string | Uint8Array)[];
  readonly nowMs?: () => number;
  /** Makes stdout and stderr a terminal of this width. */
  readonly columns?: number;
  /** Hears what is written to stderr, at once. */
  readonly onStderr?: (text: string) => void;
  readonly onSignal?: World["onSignal"];
  readonly exit?: World["exit"];
  /** Default: the command line's own; in `npm test` the built-in one in this process, since a process for each run takes long. */
  readonly agents?: World["agents"];
}

/** The built-in agent's work without its process. */
const EXTRACTIVE: AgentRunner = {
  ...functionAgent(
    ({ workspace, report }) => {
      const { memory, summary, skills } = consolidate(readWorkspace(workspace));
      writeWorkspaceFile(workspace, "MEMORY.md", memory);
      writeSkills(workspace, skills);
      writeWorkspaceFile(workspace, "memory_summary.md", summary);
      report("wrote MEMORY.md");
    },
    { name: "extractive", network: "none" },
  ),
  usesModel: false,
};

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function commandLine(around: Surroundings = {}, folder = temporaryFolder()): Invoked {
  const home = join(folder, "home");
  const slowwave = async (...argv: readonly string[]): Promise<Answer> => {
    const stdout = collector(around.columns);
    const stderr = collector(around.columns, around.onStderr);
    const code = await main({
      argv,
      env: { HOME: folder, SLOWWAVE_HOME: home, ...around.env },
      cwd: folder,
      stdin: Readable.from((around.stdin ?? []).map((chunk) => Buffer.from(chunk))),
      stdout,
      stderr,
      nowMs: around.nowMs ?? Date.now,
      onSignal: around.onSignal ?? (() => () => {}),
      exit: around.exit ?? (() => {}),
      agents: around.agents ?? (process.env.TEST_AGENT === "in-process" ? { extractive: EXTRACTIVE } : {}),
    });
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  };
  return {
    home,
    slowwave,
    json: async (...argv) => {
      // What follows two dashes is another program's.
      const words = argv.includes("--") ? argv.indexOf("--") : argv.length;
      const { code, stdout } = await slowwave(...argv.slice(0, words), "--json", ...argv.slice(words));
      return { code, value: JSON.parse(stdout) };
    },
  };
}

/** A world's signals, in the test's hand. */
export function signals(): Pick<World, "onSignal"> & { send(signal: StopSignal): void } {
  const listeners = new Set<(signal: StopSignal) => void>();
  return {
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send: (signal) => {
      for (const listener of listeners) listener(signal);
    },
  };
}

function collector(columns?: number, heard?: (text: string) => void): Terminal & { text(): string } {
  const parts: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      parts.push(chunk.toString());
      heard?.(chunk.toString());
      done();
    },
  });
  const isTerminal = columns === undefined ? {} : { isTTY: true, columns, rows: 40 };
  return Object.assign(stream, isTerminal, { text: () => parts.join("") });
}

/** A stage-1 output as a line; what is given replaces what is usual. */
export function line(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    thread_id: "thread-1",
    source_updated_at: "2026-09-02T10:41:18Z",
    raw_memory: "### Task 1: Keep a promise\n\nReusable knowledge:\n- The build needs Node 22.\n",
    rollout_summary: "# A session\n\nThe build was mended.\n",
    cwd: "/home/dev/project",
    rollout_path: "/home/dev/rollout.jsonl",
    ...fields,
  });
}
