import { setTimeout as wait } from "node:timers/promises";
import { interval, take } from "rxjs";
import {
  type AnyStateMachine,
  assign,
  fromCallback,
  fromObservable,
  fromPromise,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
} from "xstate";
import type { DurableRun, StoredSnapshot } from "../../src/durable/options.ts";

/** A machine, what is done to it before and after the kill, and when either part has come to its end. */
interface Story {
  readonly machine: AnyStateMachine;
  drive?(run: DurableRun, phase: "first" | "second"): Promise<unknown>;
  isReady(seen: StoredSnapshot): boolean;
  isDone(seen: StoredSnapshot): boolean;
}

type Record = (line: string) => void;

const contextOf = (seen: StoredSnapshot) => seen.context as Readonly<{ [name: string]: unknown }>;

/** What XState's documentation shows of actors, each as a story with a kill in the middle. */
export const stories: Readonly<{ [name: string]: (record: Record) => Story }> = {
  "a child machine": (record) => {
    const payment = setup({
      actors: { charge: fromPromise(async () => record("charged")) },
      delays: { holder: 800 },
    }).createMachine({
      id: "payment",
      initial: "charging",
      states: {
        charging: { invoke: { src: "charge", onDone: "holding" } },
        holding: { after: { holder: "ok" } },
        ok: { type: "final" },
      },
    });
    return {
      machine: setup({ actors: { payment } }).createMachine({
        id: "order",
        initial: "paying",
        states: {
          paying: { invoke: { id: "payment", src: "payment", onDone: "paid" } },
          paid: { type: "final" },
        },
      }),
      isReady: ({ actors }) => actors.payment?.value === "holding",
      isDone: ({ state }) => state === "done",
    };
  },

  "messages to a callback": (record) => {
    const echo = fromCallback<{ type: string; n: number }>(({ receive, sendBack }) => {
      receive(({ n }) => {
        record(`got ${n}`);
        sendBack({ type: "pong", n });
      });
    });
    return {
      machine: setup({ types: { context: {} as { pongs: number[] } }, actors: { echo } }).createMachine({
        id: "m",
        context: { pongs: [] },
        invoke: { id: "echo", src: "echo" },
        on: {
          ping: {
            actions: sendTo("echo", ({ event }) => ({
              type: "ping",
              n: (event as never as { n: number }).n,
            })),
          },
          pong: {
            actions: assign({
              pongs: ({ context, event }) => [
                ...new Set([...context.pongs, (event as never as { n: number }).n]),
              ],
            }),
          },
        },
      }),
      drive: (run, phase) => run.send({ type: "ping", n: phase === "first" ? 1 : 2 } as never),
      isReady: (seen) => (contextOf(seen).pongs as number[]).length === 1,
      isDone: (seen) => (contextOf(seen).pongs as number[]).length === 2,
    };
  },

  "actors spawned in assign and in the context": (record) => {
    const job = fromPromise(async ({ input }: { input: { n: number } }) => {
      record(`job ${input.n} begins`);
      await wait(input.n === 0 ? 0 : 600);
      return input.n;
    });
    return {
      machine: setup({
        types: { context: {} as { first: unknown; jobs: unknown[]; done: number[] } },
        actors: { job },
      }).createMachine({
        id: "m",
        context: ({ spawn }) => ({
          first: spawn("job", { id: "job-0", input: { n: 0 } }),
          jobs: [],
          done: [],
        }),
        on: {
          add: {
            actions: assign({
              jobs: ({ context, spawn }) => [...context.jobs, spawn("job", { id: "job-1", input: { n: 1 } })],
            }),
          },
          "xstate.done.actor.*": {
            actions: assign({
              done: ({ context, event }) => [...context.done, (event as never as { output: number }).output],
            }),
          },
        },
      }),
      drive: async (run, phase) => {
        if (phase === "first") await run.send({ type: "add" } as never);
      },
      isReady: (seen) => (contextOf(seen).done as number[]).length === 1,
      isDone: (seen) => (contextOf(seen).done as number[]).length === 2,
    };
  },

  "children without a name": (record) => {
    const job = fromPromise(async ({ input }: { input: { n: number } }) => {
      record(`job ${input.n} begins`);
      await wait(500);
      return input.n;
    });
    return {
      machine: setup({ types: { context: {} as { done: number[] } }, actors: { job } }).createMachine({
        id: "m",
        context: { done: [] },
        entry: [spawnChild("job", { input: { n: 1 } }), spawnChild("job", { input: { n: 2 } })],
        on: {
          "xstate.done.actor.*": {
            actions: assign({
              done: ({ context, event }) =>
                [...context.done, (event as never as { output: number }).output].sort(),
            }),
          },
        },
      }),
      isReady: ({ sequence }) => sequence === 0,
      isDone: (seen) => (contextOf(seen).done as number[]).length === 2,
    };
  },

  "a name in the system": (record) => {
    const job = fromCallback<{ type: string }>(({ receive, sendBack }) => {
      record("begins");
      receive(() => sendBack({ type: "answer" }));
    });
    return {
      machine: setup({ types: { context: {} as { answers: number } }, actors: { job } }).createMachine({
        id: "m",
        context: { answers: 0 },
        invoke: { id: "job", src: "job", systemId: "the-job" },
        on: {
          ask: { actions: sendTo(({ system }) => system.get("the-job"), { type: "ask" }) },
          answer: { actions: assign({ answers: ({ context }) => context.answers + 1 }) },
        },
      }),
      drive: async (run, phase) => {
        if (phase === "second") await run.send({ type: "ask" } as never);
      },
      isReady: ({ sequence }) => sequence === 0,
      isDone: (seen) => (contextOf(seen).answers as number) === 1,
    };
  },

  "snapshots of an observable": () => {
    const ticks = fromObservable(() => interval(40).pipe(take(4)));
    return {
      machine: setup({ types: { context: {} as { seen: number[] } }, actors: { ticks } }).createMachine({
        id: "m",
        context: { seen: [] },
        initial: "on",
        states: {
          on: {
            invoke: {
              id: "ticks",
              src: "ticks",
              onSnapshot: {
                actions: assign({
                  seen: ({ context, event }) => [...context.seen, event.snapshot.context ?? -1],
                }),
              },
              onDone: "off",
            },
          },
          off: { type: "final" },
        },
      }),
      isReady: (seen) => (contextOf(seen).seen as number[]).includes(1),
      isDone: ({ state }) => state === "done",
    };
  },

  "timers, the longer one named first": (record) => ({
    machine: setup({ delays: { expiry: 1_000, reminder: 500 } }).createMachine({
      id: "invoice",
      initial: "open",
      states: {
        open: { after: { expiry: "expired", reminder: { actions: () => record("reminder") } } },
        expired: { entry: () => record("expired"), type: "final" },
      },
    }),
    isReady: ({ sequence }) => sequence === 0,
    isDone: ({ state }) => state === "done",
  }),

  "delayed messages of one type": () => ({
    machine: setup({ types: { context: {} as { n: number } } }).createMachine({
      id: "m",
      context: { n: 0 },
      entry: [
        raise({ type: "more" }, { delay: 300 }),
        raise({ type: "more" }, { delay: 310 }),
        sendTo(({ self }) => self, { type: "more" }, { delay: 320 }),
      ],
      on: { more: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    }),
    isReady: ({ sequence }) => sequence === 0,
    isDone: (seen) => (contextOf(seen).n as number) === 3,
  }),

  "a parent and its child that talk": () => {
    const child = setup({}).createMachine({
      id: "child",
      on: { ask: { actions: sendParent({ type: "answer" }) } },
    });
    return {
      machine: setup({ types: { context: {} as { answers: number } }, actors: { child } }).createMachine({
        id: "parent",
        context: { answers: 0 },
        invoke: { id: "child", src: "child" },
        on: {
          ask: { actions: sendTo("child", { type: "ask" }) },
          answer: { actions: assign({ answers: ({ context }) => context.answers + 1 }) },
        },
      }),
      drive: (run) => run.send({ type: "ask" } as never),
      isReady: (seen) => (contextOf(seen).answers as number) === 1,
      isDone: (seen) => (contextOf(seen).answers as number) === 2,
    };
  },
};
