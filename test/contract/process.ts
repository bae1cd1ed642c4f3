import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { SlowwaveError } from "../../src/domain/failure.ts";
import type { LocalStore } from "../../src/domain/ports.ts";
import type { PostgresStoreOptions } from "../../src/persistence/postgres/index.ts";
import type { SqliteStoreOptions } from "../../src/persistence/sqlite/index.ts";

export interface Call {
  readonly id: number;
  readonly open: SqliteStoreOptions | PostgresStoreOptions | null;
  /** The number of a thing the child keeps, and which of its methods; port `""` is the thing itself. */
  readonly on: number;
  readonly path: readonly [port: string, method: string];
  readonly args: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly failure?: { readonly code: string; readonly message: string };
}

/** A process of its own in which stores can be opened. Calls that are under way when it dies never answer. */
export interface StoreProcess {
  readonly pid: number;
  open(options: SqliteStoreOptions | PostgresStoreOptions): Promise<LocalStore>;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  isAlive(): boolean;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
}

const CHILD = fileURLToPath(new URL("process-child.ts", import.meta.url));
const PORTS = new Set(["jobs", "memories", "runs", "generations", "liveness", "locks"]);

/** `asNobody`: without the rights of root, to whom nothing is read-only. */
export async function storeProcess({ asNobody = false } = {}): Promise<StoreProcess> {
  const child = fork(CHILD, {
    env: { ...process.env, AS_NOBODY: asNobody ? "1" : "0" },
    serialization: "advanced",
    execArgv: ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"],
  });
  const exited = once(child, "exit");
  await once(child, "spawn");
  const ask = caller(child);
  return {
    pid: child.pid as number,
    open: async (options) => storeOf(ask, await ask({ open: options })),
    signal: (name) => void child.kill(name),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

type Ask = (call: Partial<Omit<Call, "id">>) => Promise<unknown>;

function caller(child: ChildProcess): Ask {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  let calls = 0;
  child.on("message", ({ id, value, failure }: Answer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (failure) call?.reject(new SlowwaveError(failure.code, failure.message));
    else call?.resolve(value);
  });
  return (call) =>
    new Promise((resolve, reject) => {
      calls += 1;
      waiting.set(calls, { resolve, reject });
      // A call to a process that was killed is never answered; that it could not be sent is no fault of the test.
      child.send(
        { id: calls, open: null, on: 0, path: ["", ""], args: [], ...call } satisfies Call,
        () => {},
      );
    });
}

/** Looks like a store; every call goes through the child. */
function storeOf(ask: Ask, answer: unknown): LocalStore {
  const { thing } = answer as { thing: number };
  const port = (name: string) =>
    new Proxy(
      {},
      {
        get:
          (_, method: string) =>
          async (...args: unknown[]) =>
            thingOf(ask, await ask({ on: thing, path: [name, method], args })),
      },
    );
  const ports = Object.fromEntries([...PORTS].map((name) => [name, port(name)]));
  const close = async () => void (await ask({ on: thing, path: ["", "close"] }));
  return { ...ports, close } as unknown as LocalStore;
}

function thingOf(ask: Ask, value: unknown): unknown {
  const { thing, methods } = (value ?? {}) as { thing?: number; methods?: readonly string[] };
  if (thing === undefined || methods === undefined) return value;
  return Object.fromEntries(
    methods.map((method) => [method, async () => void (await ask({ on: thing, path: ["", method] }))]),
  );
}
