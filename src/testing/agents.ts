import {
  existsSync,
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
import { firstValueFrom, type Observable, take, toArray } from "rxjs";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import {
  type AgentEvent,
  type AgentHandle,
  type AgentRunner,
  type AgentSpec,
  isFinal,
} from "../domain/agent.ts";
import type { RunPlaces } from "../domain/phase2.ts";
import { systemClock } from "../durable/system.ts";

/** Runners of one kind of agent, one for each way a turn can go. */
export interface AgentUnderTest {
  /** Completes its turn with the two files of a memory in the workspace. */
  readonly good: AgentRunner;
  /** Stays in its turn until it is told to stop. */
  readonly endless: AgentRunner;
  /** Fails its turn. */
  readonly failing: AgentRunner;
  /** Can't be started; null for a kind that always can. */
  readonly unstartable: AgentRunner | null;
}

/**
 * Declares the tests that every kind of agent passes, in vitest. Call it at the top of a test file; `make` is called in
 * each test. A process that outlives its test fails it (where there is a `/proc`).
 *
 * ```ts
 * agentContract("my agent", () => ({
 *   good: myAgent(),
 *   endless: myAgent({ script: "never ends" }),
 *   failing: myAgent({ script: "fails" }),
 *   unstartable: myAgent({ file: "/not/there" }),
 * }));
 * ```
 */
export function agentContract(name: string, make: () => AgentUnderTest): void {
  describe(`${name} keeps the agents' contract`, () => {
    expectNoneLeft();

    test("a good turn starts, runs, completes once, and the stream ends after close", async () => {
      const { spec } = agentPlace();
      writeInput(spec);
      const handle = await make().good.spawn(spec, systemClock);
      await firstFinal(handle.events$);
      await handle.close();
      const statuses = (await allOf(handle)).filter((event) => isFinal(event) || !("text" in event));
      expect(statuses.map((event) => event.type).filter((type) => type !== "agent.usage")).toEqual([
        "agent.starting",
        "agent.running",
        "agent.completed",
      ]);
      expect(handle).toMatchObject({ id: spec.key, sandbox: expect.stringMatching(/./) });
    });

    test("who subscribes late hears the same from the beginning", async () => {
      const { spec } = agentPlace();
      writeInput(spec);
      const handle = await make().good.spawn(spec, systemClock);
      const early = allOf(handle);
      await firstFinal(handle.events$);
      await handle.close();
      expect(await allOf(handle)).toEqual(await early);
    });

    test("a failing turn says why, in one line", async () => {
      const { spec } = agentPlace();
      const handle = await make().failing.spawn(spec, systemClock);
      const last = await firstFinal(handle.events$);
      expect(last).toEqual({ type: "agent.errored", message: expect.stringMatching(/^\S[^\n]+$/) });
      await handle.close();
    });

    test("an interrupted turn ends as interrupted and nothing of it lives", async () => {
      const { spec } = agentPlace();
      const handle = await make().endless.spawn(spec, systemClock);
      await firstValueFrom(handle.events$.pipe(take(2), toArray()));
      await handle.interrupt();
      expect((await firstFinal(handle.events$)).type).toBe("agent.interrupted");
      await handle.close();
      expect(bearersOf(spec.key)).toEqual([]);
    });

    test("close ends a turn under way, completes the stream, and may be repeated", async () => {
      const { spec } = agentPlace();
      const handle = await make().endless.spawn(spec, systemClock);
      await handle.close();
      await handle.close();
      await handle.interrupt();
      expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
      expect(bearersOf(spec.key)).toEqual([]);
    });

    test("a prompt while the turn is open, or after close, is refused with a code", async () => {
      const { spec } = agentPlace();
      const handle = await make().endless.spawn(spec, systemClock);
      const codes = /^agent_(busy|single_turn|closed)$/;
      await expect(handle.prompt("more")).rejects.toMatchObject({ code: expect.stringMatching(codes) });
      await handle.close();
      await expect(handle.prompt("more")).rejects.toMatchObject({ code: expect.stringMatching(codes) });
    });

    test("the untouched folder of a run has no orphan; one in which an agent was started has, and may be asked twice", async () => {
      const { spec, places } = agentPlace();
      const { good } = make();
      expect(await good.endOrphan(places.runFolder, systemClock)).toBe(false);
      writeInput(spec);
      const handle = await good.spawn(spec, systemClock);
      await firstFinal(handle.events$);
      await handle.close();
      expect(await good.endOrphan(places.runFolder, systemClock)).toBe(true);
      expect(await good.endOrphan(places.runFolder, systemClock)).toBe(true);
    });

    test("an agent that can't be started rejects with a cause and leaves nothing running", async () => {
      const { spec } = agentPlace();
      const { unstartable } = make();
      if (unstartable === null) return expect(existsSync(spec.workspace)).toBe(true);
      await expect(unstartable.spawn(spec, systemClock)).rejects.toMatchObject({
        code: "agent_not_started",
        cause: expect.any(Error),
      });
      expect(bearersOf(spec.key)).toEqual([]);
    });
  });
}

/** The event that ends the turn under way. */
export function firstFinal(events$: Observable<AgentEvent>): Promise<AgentEvent> {
  return new Promise((resolve, reject) => {
    events$.subscribe({
      next: (event) => isFinal(event) && resolve(event),
      error: reject,
      complete: () => reject(new Error("the stream ended without a final status")),
    });
  });
}

let made = 0;

/** A home of its own for one test, with the places of one run, and a spec that works there. */
export function agentPlace(): { readonly places: RunPlaces; readonly spec: AgentSpec; readonly run: string } {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-agents-")));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  // Keys are found again in the environments of all processes: two tests must not share one.
  const run = `t${process.pid}x${made++}`;
  const runFolder = join(home, "staging", run);
  const workspace = join(runFolder, "workspace");
  mkdirSync(join(workspace, "rollout_summaries"), { recursive: true });
  const places = {
    workspace,
    runFolder,
    rejected: join(home, "rejected", run),
    root: join(home, "memories"),
  };
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
    runFolder,
    prompt: "consolidate",
    limits: { maxSilenceMinutes: null, maxTurns: null, maxTokens: null, maxCostUsd: null },
  };
  return { places, spec, run };
}

/** What a host has synced: one summary and its raw memory. */
export function writeInput({ workspace }: { readonly workspace: string }): void {
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
  return processes()
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
    const left = processes().filter((pid) => {
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

/** Ids of all processes; none where there is no `/proc`. */
function processes(): readonly string[] {
  return existsSync("/proc") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
}
