import { mkdir, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diligent, SUMMARY, session } from "../engine/phase2-world.ts";
import { saying, unfollowable } from "./agents.ts";
import { agentSays, end, failure, type Story } from "./story.ts";

/** Runs in which a step or the agent fails. */
export const FAILURES: Readonly<Record<string, Story>> = {
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
};
