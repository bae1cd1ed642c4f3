import { diligent, session } from "../engine/phase2-world.ts";
import { tireless } from "./agents.ts";
import { end, failing, type Story, succeed, usage, withdraw } from "./story.ts";
import { aTurn, type Process, START } from "./world.ts";

/** Runs that come to a good end, or need none. */
export const GOOD_ENDS: Readonly<Record<string, Story>> = {
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
      await withdraw(world.store, 1);
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
};
