import { join } from "node:path";
import { diligent, session } from "../engine/phase2-world.ts";
import { frailFiles } from "../workspace/frail-files.ts";
import { tireless } from "./agents.ts";
import { asTold, end, failure, killedAtWork, robbed, type Story, usage, workingAgent } from "./story.ts";
import { aTurn } from "./world.ts";

/** Runs that are ended: at the publish, by a limit, by another owner, by a person, by the death of their process. */
export const CUT_SHORT: Readonly<Record<string, Story>> = {
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
        await workingAgent(world, doomed, () => doomed.engine.start());
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
        while ((await doomed.store.jobs.list({ limit: 1_000_000 }).catch(() => null)) !== null) await aTurn();
      });
      const next = await world.start();
      await tell("the process after it", () => end(next));
    },
  },
};
