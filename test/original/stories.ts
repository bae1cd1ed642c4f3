import { mkdir, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentEvent } from "../../src/domain/agent.ts";
import type { RunEvent } from "../../src/domain/event.ts";
import type { RunResult } from "../../src/domain/result.ts";
import { diligent, SUMMARY, session } from "../engine/phase2-world.ts";
import { frailFiles } from "../workspace/frail-files.ts";
import { saying, tireless, unfollowable } from "./agents.ts";
import type { Transcript } from "./transcript.ts";
import { aTurn, type Interference, type OriginalWorld, type Process, START } from "./world.ts";

/** A whole run, or a few in a row. The key is the name of its transcript. */
export interface Story {
  readonly title: string;
  play(world: OriginalWorld, transcript: Transcript): Promise<void>;
}

export const STORIES: Readonly<Record<string, Story>> = {
  happy: {
    title: "From a claim to a success, twice: the first memory, then one more input",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [
        session(1, { rolloutSlug: "First Look", gitBranch: "main" }),
        session(2),
      ]);
      const process = await world.start(async (task) => {
        await process.reached("supervising");
        task.report("reading what the sessions learned");
        task.report({ type: "agent.usage", usage: usage(1_200, 300) });
        world.clock.advance(100_000);
        await aTurn();
        return diligent(task);
      });
      await tell("the first run", () => end(process));
      await world.store.memories.upsert("global", [session(3)]);
      const second = await world.start();
      await tell("the second run", () => end(second));
    },
  },
  "no-input": {
    title: "Nothing to remember, ever: a memory that says so, without an agent",
    async play(world, { tell }) {
      await world.store.jobs.enqueue("global", START);
      const process = await world.start();
      await tell("the run", () => end(process));
    },
  },
  "no-input-left": {
    title: "The last input is gone: the memory is cleared, as a generation that keeps what was there",
    async play(world, { tell }) {
      await succeed(world);
      await world.store.memories.upsert("global", [blank(1)]);
      const process = await world.start();
      await tell("the run", () => end(process));
    },
  },
  "nothing-changed": {
    title: "Dirty, but every file is as it would be written: no agent",
    async play(world, { tell }) {
      await succeed(world);
      await world.store.jobs.enqueue("global", 1);
      const process = await world.start();
      await tell("the run", () => end(process));
    },
  },
  "not-dirty": {
    title: "Nothing new since the last success; and nothing at all",
    async play(world, { tell }) {
      const early = await world.start();
      await tell("before anything was imported", () => end(early));
      await succeed(world);
      const late = await world.start();
      await tell("after a success", () => end(late));
    },
  },
  running: {
    title: "Another process works on the space",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const busy = await world.start(tireless);
      const run = await busy.engine.start();
      await busy.reached("supervising");
      const process = await world.start();
      await tell("a second run beside it", () => end(process));
      await tell("the first one is cancelled", async () => {
        await busy.engine.cancel(run.id);
        await busy.close();
      });
    },
  },
  cooldown: {
    title: "A success that is too recent, where a cooldown is set",
    async play(world, { tell }) {
      await succeed(world);
      await world.store.memories.upsert("global", [session(2)]);
      const soon = await world.start(diligent, { successCooldownSeconds: 21_600 });
      await tell("too soon", () => end(soon));
      world.clock.advance(21_600_000);
      const later = await world.start(diligent, { successCooldownSeconds: 21_600 });
      await tell("six hours later", () => end(later));
    },
  },
  retry: {
    title: "A failure waits an hour; three of them wait for new input",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const broken = () => world.start(failing);
      const attempt = async (heading: string, process: Process) => tell(heading, () => end(process));
      await attempt("the first failure", await broken());
      await attempt("too early", await broken());
      world.clock.advance(3_600_000);
      await attempt("an hour later, the second failure", await broken());
      world.clock.advance(3_600_000);
      await attempt("the third failure", await broken());
      world.clock.advance(3_600_000);
      await attempt("no try is left", await broken());
      await world.store.memories.upsert("global", [session(2)]);
      await attempt("new input clears the wait", await world.start());
    },
  },
  now: {
    title:
      "Asked to run at once: neither the wait nor the empty budget holds it back, and the budget is full again",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      await end(await world.start(failing));
      world.place.edit({ retry_remaining: 0 });
      const process = await world.start(failing);
      await tell("the run", async () => {
        await (await process.engine.start({ now: true })).result;
        await process.close();
      });
    },
  },
  failed_claim: failure("The store can't answer the claim", {
    fault: (call) => (call === "jobs.claim" ? new Error("disk I/O error") : undefined),
  }),
  failed_sandbox_policy: {
    title: "No sandbox that would keep the agent in its workspace",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const runner = saying(null, () => Promise.resolve());
      const probe = async () => ({ missing: "There is no bubblewrap here; install it." });
      const process = await world.start({ ...runner, probe });
      await tell("the run", () => end(process));
    },
  },
  failed_load_stage1_outputs: failure("The inputs can't be read", {
    fault: (call) => (call === "memories.select" ? new Error("disk I/O error") : undefined),
  }),
  failed_sync_artifacts: {
    title: "The memory root turns into a file after the claim",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const before = (call: string) =>
        call === "memories.recordInputs" ? writeFile(world.root, "not a folder") : null;
      const process = await world.start(diligent, { before });
      await tell("the run", async () => {
        await end(process);
        await unlink(world.root);
      });
    },
  },
  failed_rebuild_raw_memories: {
    title: "raw_memories.md can't be written: a folder is in its place",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const place = join(world.home, "staging", "run-1", "workspace", "raw_memories.md");
      const before = async (call: string, state: string) => {
        if (call === "memories.inputsOf" && state === "syncing.rawMemories") await mkdir(place);
      };
      const process = await world.start(diligent, { before });
      await tell("the run", () => end(process));
    },
  },
  failed_spawn_agent: {
    title: "The agent can't be started",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const spawn = async () => Promise.reject(new Error("the agent's manager is gone"));
      const process = await world.start({ ...saying(null, () => Promise.resolve()), spawn });
      await tell("the run", () => end(process));
    },
  },
  failed_subscribe_status: {
    title: "The agent works, but its status can't be followed: it is ended",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(unfollowable(() => {}));
      await tell("the run", () => end(process));
    },
  },
  "failed_agent-errored": agentSays("The agent fails", {
    type: "agent.errored",
    message: "the model is overloaded",
  }),
  "failed_agent-interrupted": agentSays("The agent is interrupted from elsewhere", {
    type: "agent.interrupted",
  }),
  "failed_agent-shutdown": agentSays("The agent is shut down before it is done", { type: "agent.shutdown" }),
  "failed_agent-not-found": agentSays("Nobody knows the agent any more", { type: "agent.notFound" }),
  "failed_agent-silent-end": agentSays("The agent's stream ends without a final status", null),
  failed_invalid_artifacts: {
    title: "The agent says it is done and has written nothing, and so it goes on when asked to mend it",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(() => "done, honestly");
      await tell("the run", () => end(process));
    },
  },
  repaired: {
    title: "The agent forgets the header of the summary, and mends it when asked",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(async (task) => {
        await diligent(task);
        if (task.turn === 1)
          await writeFile(join(task.workspace, "memory_summary.md"), SUMMARY.replace("v1\n", ""));
        return `turn ${task.turn} is done`;
      });
      await tell("the run", () => end(process));
    },
  },
  failed_confirm_ownership: failure("The store can't say whose the job is, just before the publish", {
    fault: (call, state) =>
      call === "jobs.renew" && state === "publishing.confirming" ? new Error("disk I/O error") : undefined,
  }),
  "failed_confirm_ownership-lease": {
    title: "The store is busy until the lease is nearly over: the run stops while the job is still its own",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      let busy = false;
      const fault = (call: string) => (busy && call === "jobs.renew" ? new Error("still locked") : undefined);
      const options = { fault, leaseSeconds: 60, heartbeatSeconds: 20 };
      const process = await world.start(async (task) => {
        await process.reached("supervising");
        busy = true;
        while (
          !world.told.some((event) => event.type === "state.entered" && event.event === "lease.uncertain")
        ) {
          world.clock.advance(1_000);
          for (let turn = 0; turn < 20; turn += 1) await aTurn();
        }
        await tireless(task);
      }, options);
      await tell("the run", () => end(process));
    },
  },
  "failed_publish-before": failure("The generation can't be committed: the root is as it was", {
    fault: (call, state) =>
      call === "generations.commit" && state === "publishing.committing"
        ? new Error("database or disk is full")
        : undefined,
  }),
  "failed_publish-after": {
    title: "The disk fills up among the renames: the next run brings the publish to its end",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const files = frailFiles((_, { kind, path }) => {
        if (kind !== "rename" || path !== join(world.root, "MEMORY.md")) return;
        throw Object.assign(new Error("ENOSPC: no space left on device, rename"), { code: "ENOSPC" });
      });
      const full = await world.start(diligent, { files });
      await tell("the disk is full", () => end(full));
      world.clock.advance(3_600_000);
      const roomy = await world.start();
      await tell("an hour later, with room again", () => end(roomy));
    },
  },
  "failed_budget-time": {
    title: "The run takes longer than it may",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(
        async (task) => {
          await process.reached("supervising");
          world.clock.advance(20 * 60_000);
          await tireless(task);
        },
        { maxRunMinutes: 20, maxSilenceMinutes: null },
      );
      await tell("the run", () => end(process));
    },
  },
  "failed_budget-silence": {
    title: "The agent says nothing for too long",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(async (task) => {
        await process.reached("supervising");
        await aTurn();
        world.clock.advance(10 * 60_000);
        await tireless(task);
      });
      await tell("the run", () => end(process));
    },
  },
  "failed_budget-tokens": {
    title: "The agent has used more tokens than it may",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(
        async (task) => {
          await process.reached("supervising");
          task.report({ type: "agent.usage", usage: usage(9_000, 2_000) });
          await tireless(task);
        },
        { maxTokens: 10_000 },
      );
      await tell("the run", () => end(process));
    },
  },
  failed_lost_ownership: {
    title: "Another worker takes the job while the agent works: no row is written, nothing is published",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(async (task) => {
        await process.reached("supervising");
        await robbed(world);
        world.clock.advance(90_000);
        await tireless(task);
      });
      await tell("the run", () => end(process));
    },
  },
  "failed_lost_ownership-publish": {
    title: "Another worker takes the job at the last moment: the fenced commit is refused",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const before = (call: string, state: string) =>
        call === "generations.commit" && state === "publishing.committing" ? robbed(world) : null;
      const process = await world.start(diligent, { before });
      await tell("the run", () => end(process));
    },
  },
  cancelled: {
    title: "Cancelled while the agent works: it is ended, the job released with all its tries",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(tireless);
      await tell("the run", async () => {
        const run = await process.engine.start();
        await process.reached("supervising");
        await process.engine.cancel(run.id);
        await process.close();
      });
      const again = await world.start();
      await tell("the next run starts at once", () => end(again));
    },
  },
  "cancelled-claiming": {
    title: "Cancelled while the claim is under way: no claimed row is left behind",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const before = async (call: string) => {
        if (call !== "jobs.claim") return;
        void process.engine.cancel("run-1");
        for (let turn = 0; turn < 50; turn += 1) await aTurn();
      };
      const process = await world.start(diligent, { before });
      await tell("the run", () => end(process));
    },
  },
  crash: {
    title: "kill -9 while the agent works: the next process continues the run at once, with a new workspace",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const doomed = await world.start(tireless);
      await tell("the process that dies", async () => {
        await doomed.engine.start();
        await doomed.reached("supervising");
        await doomed.kill();
      });
      world.clock.advance(60_000);
      const next = await world.start();
      await tell("the process after it, a minute later", () => end(next));
    },
  },
  "crash-cancelled": {
    title: "kill -9, and then someone cancels: the run is taken over to be ended, the job is free",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      await killedAtWork(world);
      const other = await world.start();
      await tell("cancelled from another process", async () => {
        await other.engine.cancel("run-1");
        await other.close();
      });
    },
  },
  "crash-again": {
    title: "The engine dies with its agent again and again: after the fifth new start the run is given up",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      for (let death = 0; death < 6; death += 1) await killedAtWork(world);
      const process = await world.start();
      await tell("after six deaths", () => end(process));
    },
  },
  parked: {
    title: "A run of another version is never guessed: it is parked, and its job row left as it is",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      await killedAtWork(world);
      world.place.editRun("run-1", "another");
      const process = await world.start();
      await tell("the next run, while the lease of the parked one lasts", () => end(process));
      const parked = await world.start();
      await tell("what the parked one came to", async () => {
        const result = await parked.engine.result("run-1");
        if (result !== null) world.told.push(asTold(result, world.clock.nowMs()));
        await parked.close();
      });
    },
  },
  "crash-publishing": {
    title: "kill -9 past the point of no return: the next process brings the same generation to its end",
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const before = (call: string, state: string) =>
        call === "generations.closeJournal" && state === "publishing.committing"
          ? doomed.kill().then(aTurn)
          : null;
      const doomed = await world.start(diligent, { before });
      await tell("the process that dies", async () => {
        await doomed.engine.start();
        await doomed.reached("publishing.committing");
        while ((await world.store.generations.openJournal("global")) === null) await aTurn();
        while ((await doomed.store.jobs.list().catch(() => null)) !== null) await aTurn();
      });
      const next = await world.start();
      await tell("the process after it", () => end(next));
    },
  },
};

/** One run of the process, then the process is over, with everything noted that was to be noted. */
async function end(process: Process): Promise<void> {
  await (await process.engine.start()).result;
  await process.close();
}

/** A process that adopts the run or begins it, and dies while its agent works. */
async function killedAtWork(world: OriginalWorld): Promise<void> {
  const process = await world.start(tireless);
  await process.engine.start();
  await process.reached("supervising");
  await process.kill();
}

function asTold(result: RunResult, atMs: number): RunEvent {
  return { type: "run.finished", run: result.run, space: result.space, atMs, result };
}

async function succeed(world: OriginalWorld): Promise<void> {
  await world.store.memories.upsert("global", [session(1)]);
  await end(await world.start());
}

/** What another worker's claim would leave, had our lease run out. */
async function robbed(world: OriginalWorld): Promise<void> {
  const fence = ((await world.row())?.fence ?? 0) + 1;
  world.place.edit({ worker_id: "another", ownership_token: "another-token", fence });
}

function failing(): never {
  throw new Error("the model said no");
}

function blank(n: number) {
  return session(n, { sourceUpdatedAt: 1_774_212_100, rawMemory: " \n", rolloutSummary: "\n\t" });
}

function usage(inputTokens: number, outputTokens: number) {
  return { turns: 1, inputTokens, outputTokens, costUsd: null, estimated: false };
}

function failure(title: string, interference: Interference): Story {
  return {
    title,
    async play(world, { tell }) {
      await world.store.memories.upsert("global", [session(1)]);
      const process = await world.start(diligent, interference);
      await tell("the run", () => end(process));
    },
  };
}

function agentSays(title: string, word: AgentEvent | null): Story {
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
