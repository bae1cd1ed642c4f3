import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstValueFrom, toArray } from "rxjs";
import { afterEach, onTestFinished } from "vitest";
import type { AgentEvent, AgentHandle, AgentSpec } from "../../src/domain/agent.ts";
import type { RunPlaces } from "../../src/domain/phase2.ts";

let made = 0;

/** A home of its own for one test, with the places of one run, and a spec that works there. */
export function place(): { readonly places: RunPlaces; readonly spec: AgentSpec; readonly run: string } {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-agents-")));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  // Keys are found again in the environments of all processes: two tests must not share one.
  const run = `t${process.pid}x${made++}`;
  const scratch = join(home, "staging", run);
  const workspace = join(scratch, "workspace");
  mkdirSync(join(workspace, "rollout_summaries"), { recursive: true });
  const places = { workspace, scratch, rejected: join(home, "rejected", run), root: join(home, "memories") };
  const spec: AgentSpec = {
    agent: "test",
    model: null,
    effort: null,
    approvals: "never",
    sandbox: "workspace-write",
    network: "none",
    run,
    key: `${run}/agent/0`,
    workspace,
    scratch,
    prompt: "consolidate",
    limits: { maxSilenceMinutes: null, maxTurns: null, maxTokens: null, maxCostUsd: null },
  };
  return { places, spec, run };
}

/** What a host has synced: one summary and its raw memory. */
export function withInput({ workspace }: { readonly workspace: string }): void {
  const head = "thread_id: t1\nupdated_at: 2026-03-22T20:00:00+00:00\nrollout_path: \ncwd: /src/harbour\n";
  writeFileSync(
    join(workspace, "rollout_summaries", "a.md"),
    `${head}\n# Fixed the tide table\n\nThe user wants tests run with \`npm test -- --run\` before each commit.\n`,
  );
  writeFileSync(
    join(workspace, "raw_memories.md"),
    "# Raw Memories\n\nMerged stage-1 raw memories (latest first):\n\n## Thread `t1`\nupdated_at: 2026-03-22T20:00:00+00:00\ncwd: /src/harbour\nrollout_path: \nrollout_summary_file: a.md\n\n## User preferences\n- Run `npm test -- --run` before each commit.\n\n",
  );
}

/** Every event until the stream completes. */
export function allOf(handle: AgentHandle): Promise<readonly AgentEvent[]> {
  return firstValueFrom(handle.events$.pipe(toArray()));
}

/** Living processes that carry this key in their environment. */
export function bearersOf(key: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const state = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, "")[0];
        const marks = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
        return state !== "Z" && marks.includes(`SLOWWAVE_RUN=${key}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Fails a test that leaves a process of its agents behind. */
export function expectNoneLeft(): void {
  afterEach(() => {
    const left = readdirSync("/proc").filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`SLOWWAVE_RUN=t${process.pid}x`);
      } catch {
        return false;
      }
    });
    for (const pid of left) process.kill(Number(pid), "SIGKILL");
    if (left.length > 0) throw new Error(`a test left processes behind: ${left.join(", ")}`);
  });
}
