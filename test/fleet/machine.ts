import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Journal, openJournal } from "./journal.ts";

/** A process with a disk of its own, which is lost with it. */
export interface Machine {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the worker has begun; rejects when it ends before. */
  readonly ready: Promise<void>;
  /** What it printed on its error output. */
  errors(): string;
  isAlive(): boolean;
  /** kill -9; its disk is gone when it resolves. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** SIGTERM; resolves with its exit code. */
  drain(): Promise<number | null>;
}

export interface MachineOptions {
  readonly name: string;
  /** The folder of all machines: with the journals in it. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** A network namespace to start it in. */
  readonly netns?: string;
  /** What its clock is ahead of the others', in libfaketime's words: `+2h`. Timers are not faked. */
  readonly clock?: string;
}

const CHILD = fileURLToPath(new URL("worker.child.ts", import.meta.url));

let namespaces: boolean | undefined;

/** Whether a machine can have a disk of its own below a path that all have; else it has a folder of its own. */
export function hasMountNamespaces(): boolean {
  if (namespaces === undefined) {
    namespaces = spawnSync("unshare", ["-m", "true"], { stdio: "ignore" }).status === 0;
    if (!namespaces) console.error("\nNOT RUN: no mount namespaces here; a machine's disk is a folder.\n");
  }
  return namespaces;
}

/** libfaketime, or null and loudly so. */
export function findFaketime(): string | null {
  const [library = null] = globSync("/usr/lib/*/faketime/libfaketime.so.1");
  if (library === null) console.error("\nNOT RUN: without faketime no clock is wrong.\n");
  return library;
}

/** In the mount namespace: an empty disk where every machine has its own. */
const OWN_DISK = 'mount -t tmpfs none "$0" && exec "$@"';

export function startMachine({ name, folder, env, netns, clock }: MachineOptions): Machine {
  const journals = join(folder, "journals");
  const isOwn = hasMountNamespaces();
  const disk = join(folder, isOwn ? "disk" : `disk-${name}`);
  mkdirSync(disk, { recursive: true });
  const node = [
    process.execPath,
    "--experimental-strip-types",
    "--disable-warning=ExperimentalWarning",
    CHILD,
  ];
  const inDisk = isOwn ? ["unshare", "-m", "sh", "-c", OWN_DISK, disk, ...node] : node;
  const [command = "", ...args] = netns === undefined ? inDisk : ["ip", "netns", "exec", netns, ...inDisk];
  const child = spawn(command, args, {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: {
      ...process.env,
      ...env,
      ...(clock === undefined ? {} : fakedClock(clock)),
      TMPDIR: disk,
      FLEET_DISK: disk,
      FLEET_NAME: name,
      FLEET_JOURNALS: journals,
    },
  });
  let errors = "";
  child.stderr?.on("data", (text) => {
    errors = `${errors}${text}`.slice(-20_000);
  });
  const exited = once(child, "exit");
  return machineOf(child, {
    name,
    exited,
    errors: () => errors,
    journal: openJournal(journals, name, `${name}.deeds`),
    loseDisk: () => (isOwn ? undefined : rmSync(disk, { recursive: true, force: true, maxRetries: 5 })),
  });
}

function fakedClock(clock: string): Record<string, string> {
  const library = findFaketime();
  if (library === null) throw new Error("There is no libfaketime here: ask findFaketime() first.");
  return {
    LD_PRELOAD: library,
    FAKETIME: clock,
    DONT_FAKE_MONOTONIC: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

interface Parts {
  readonly name: string;
  readonly exited: Promise<unknown>;
  readonly errors: () => string;
  readonly journal: Journal;
  readonly loseDisk: () => void;
}

function machineOf(child: ChildProcess, { name, exited, errors, journal, loseDisk }: Parts): Machine {
  const ready = new Promise<void>((resolve, reject) => {
    child.on("message", (said) => said === "ready" && resolve());
    child.once("exit", (code, signal) =>
      reject(new Error(`${name} ended before it began: ${code ?? signal}\n${errors()}`)),
    );
  });
  ready.catch(() => {});
  return {
    name,
    pid: child.pid ?? 0,
    ready,
    errors,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    kill: async () => {
      child.kill("SIGKILL");
      journal.write({ type: "killed" });
      await exited;
      loseDisk();
    },
    freeze: () => {
      child.kill("SIGSTOP");
      journal.write({ type: "frozen" });
    },
    thaw: () => {
      journal.write({ type: "thawed" });
      child.kill("SIGCONT");
    },
    drain: async () => {
      child.kill("SIGTERM");
      await exited;
      return child.exitCode;
    },
  };
}
