import { expect, test } from "vitest";
import { type AnyActorRef, assign, fromCallback, sendTo, setup } from "xstate";
import { durableWorld } from "./world.ts";

test("a reference refuses by name what it cannot do", async () => {
  const idle = fromCallback(() => {});
  const machine = setup({ types: { context: {} as { ref: unknown } }, actors: { idle } }).createMachine({
    id: "m",
    context: ({ spawn }) => ({ ref: spawn("idle", { id: "idle" }) }),
    on: { look: { actions: ({ context }) => void (context.ref as AnyActorRef).subscribe(() => {}) } },
  });
  const run = await durableWorld(machine).open().start({ id: "r" });
  await run.send({ type: "look" } as never);
  await expect(run.done).rejects.toMatchObject({ cause: { code: "unsupported_reference" } });
});

test("a reference in a context or an event leads to the actor, also after a crash", async () => {
  const answers: string[] = [];
  const worker = fromCallback<{ type: string; from: AnyActorRef }>(({ receive }) => {
    receive(({ type, from }) => {
      answers.push(type);
      from.send({ type: "answer" });
    });
  });
  const machine = setup({
    types: { context: {} as { ref: AnyActorRef; n: number } },
    actors: { worker },
  }).createMachine({
    id: "m",
    context: ({ spawn }) => ({ ref: spawn("worker", { id: "worker" }) as never, n: 0 }),
    on: {
      ask: {
        actions: sendTo(
          ({ context }) => context.ref,
          ({ self }) => ({ type: "ask", from: self }) as never,
        ),
      },
      answer: { actions: assign({ n: ({ context }) => context.n + 1 }) },
    },
  });
  const world = durableWorld(machine);
  const first = world.open();
  await (await first.start({ id: "r" })).send({ type: "ask" } as never);
  await world.clock.advance(0);
  await first.close({ runs: "leave" });
  const [run] = await world.open().recover();
  await run?.send({ type: "ask" } as never);
  await world.clock.advance(0);
  // The first question is asked again of the worker that begins again, and answered again.
  expect([answers, run?.snapshot().context.n]).toEqual([["ask", "ask", "ask"], 3]);
});
