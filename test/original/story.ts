import type { AgentEvent } from "../../src/domain/agent.ts";
import type { RunEvent, RunResult } from "../../src/domain/event.ts";
import type { Store } from "../../src/domain/ports.ts";
import { contextOf } from "../../src/domain/run.ts";
import { wholeLog } from "../../src/engine/result.ts";
import { diligent, session } from "../engine/phase2-world.ts";
import { saying, tireless } from "./agents.ts";
import type { Transcript } from "./transcript.ts";
import { aTurn, type Interference, type OriginalWorld, type Process } from "./world.ts";

/** A whole run, or a few in a row. */
export interface Story {
  readonly title: string;
  play(world: OriginalWorld, transcript: Transcript): Promise<void>;
}

/** One run of the process, then the process is over, with everything noted that was to be noted. */
export async function end(process: Process): Promise<void> {
  await (await process.engine.start()).result;
  await process.close();
}

/** A process that adopts the run or begins it, and dies while its agent works. */
export async function killedAtWork(world: OriginalWorld): Promise<void> {
  const process = await world.start(tireless);
  await workingAgent(world, process, () => process.engine.start());
  await process.kill();
}

/**
 * Begins, and waits until the agent works, that this is known of it, and what it did first was noted: how soon after the
 * run supervises it that is depends on the store, and a kill before it would leave it out.
 */
export async function workingAgent(
  { store }: OriginalWorld,
  process: Process,
  begin: () => Promise<unknown>,
): Promise<void> {
  const noted = async () => {
    const [run] = await store.runs.list({ limit: 1 });
    const log = run === undefined ? [] : await wholeLog(store.runs, run.id);
    const count = (type: string) => log.filter((row) => row.type === type).length;
    return {
      beats: count("lease.renewed"),
      usages: count("agent.usage"),
      agentStatus: run === undefined ? null : contextOf(run).agentStatus,
    };
  };
  const before = await noted();
  await begin();
  await process.reached("supervising");
  for (;;) {
    const { beats, usages, agentStatus } = await noted();
    if (beats > before.beats && usages > before.usages && agentStatus === "running") return;
    await aTurn();
  }
}

export function asTold(result: RunResult, atMs: number): RunEvent {
  return { type: "run.finished", run: result.run, space: result.space, atMs, result };
}

export async function succeed(world: OriginalWorld): Promise<void> {
  await world.store.memories.upsert("global", [session(1)]);
  await end(await world.start());
}

/** What another worker's claim would leave, had our lease run out. */
export async function robbed(world: OriginalWorld): Promise<void> {
  const fence = ((await world.row())?.fence ?? 0) + 1;
  world.place.edit({ worker_id: "another", ownership_token: "another-token", fence });
}

export function failing(): never {
  throw new Error("the model said no");
}

/** Nothing of this session is worth keeping any more; its blank row is of the second 1,774,212,100. */
export async function withdraw(store: Pick<Store, "memories">, n: number): Promise<void> {
  const last = session(n, { sourceUpdatedAt: 1_774_212_099 });
  await store.memories.upsert("global", [last]);
  await store.memories.withdraw("global", last.threadId);
}

export function usage(inputTokens: number, outputTokens: number) {
  return { turns: 1, inputTokens, outputTokens, costUsd: null, estimated: false };
}

export function failure(title: string, interference: Interference): Story {
  return {
    title,
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(diligent, interference);
      await tell("the run", () => end(process));
    },
  };
}

export function agentSays(title: string, word: AgentEvent | null): Story {
  return {
    title,
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      // The agent begins before its start is committed; what it says is to come after.
      const supervised = () => process.reached("supervising").then(aTurn);
      const process = await world.start(saying(word, supervised));
      await tell("the run", () => end(process));
    },
  };
}
