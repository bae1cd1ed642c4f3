import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Command } from "../../src/process/supervised-process.ts";
import type { SandboxSpec } from "../../src/sandbox/sandbox.ts";

/** A machine in small: a person's home, a state folder with a run at work, and somebody to harm. */
export interface Place {
  readonly folder: string;
  /** The home of who runs the tests. */
  readonly person: string;
  readonly secret: string;
  readonly database: string;
  /** Files that only who gets out can change, each by one attempt. */
  readonly targets: Readonly<
    Record<"beside" | "memory" | "config" | "planted" | "folder" | "ownLink" | "hardLink", string>
  >;
  readonly workspace: string;
  readonly home: string;
  /** Process ids. */
  readonly victim: number;
  readonly engine: number;
  readonly port: number;
  readonly socket: string;
  /** Name of an abstract unix socket. */
  readonly abstract: string;
  /** Key of a segment. */
  readonly sharedMemory: number;
  /** Name of a key in the keyring of the session. */
  readonly key: string;
}

const isArm = process.arch === "arm64";
export const hasPerl = spawnSync("perl", ["-v"], { stdio: "ignore" }).status === 0;

export const UNTOUCHED = "untouched";

let made = 0;

export async function place(): Promise<Place> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-sandbox-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const under = (...parts: readonly string[]) => join(folder, ...parts);
  const run = under("state", "staging", "r1");
  for (const path of [under("person"), under("state", "memories"), join(run, "workspace"), under("tool")]) {
    mkdirSync(path, { recursive: true });
  }
  const files = { secret: under("person", "id_ed25519"), database: under("state", "slowwave.db") };
  const targets = {
    beside: under("state", "staging", "r1", "beside"),
    memory: under("state", "memories", "MEMORY.md"),
    config: under("tool", "settings.json"),
    planted: under("state", "memories", "planted"),
    folder: under("state", "memories", "folder"),
    ownLink: under("person", "linked"),
    hardLink: under("tool", "linked"),
  };
  for (const path of Object.values(targets)) writeFileSync(path, UNTOUCHED);
  for (const [what, path] of Object.entries(files)) writeFileSync(path, what);
  const workspace = join(run, "workspace");
  symlinkSync(targets.planted, join(workspace, "link"));
  symlinkSync(under("state", "memories"), join(workspace, "out"));
  const socket = under("host.sock");
  const abstract = `slowwave-${process.pid}-${made++}`;
  const port = ((await listening(0)).address() as { readonly port: number }).port;
  await listening(socket);
  await listening(`\0${abstract}`);
  return {
    ...files,
    targets,
    folder,
    person: homedir(),
    workspace,
    home: join(run, "home"),
    victim: sleeper(under("person")),
    engine: process.pid,
    port,
    socket,
    abstract,
    sharedMemory: segment(),
    key: abstract,
  };
}

/** The sandbox a run would have there. */
export function roomIn({ workspace, home, folder }: Place): SandboxSpec {
  return { workspace, home, readable: [join(folder, "tool"), import.meta.dirname], network: "none" };
}

function listening(where: number | string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on("error", () => {}).end());
    onTestFinished(() => void server.close());
    server.on("error", reject);
    if (typeof where === "number") server.listen(where, "127.0.0.1", () => resolve(server));
    else server.listen({ path: where }, () => resolve(server));
  });
}

function sleeper(folder: string): number {
  const child = spawn(
    process.execPath,
    ["-e", "process.on('SIGUSR1', () => {}); setInterval(() => {}, 1000)"],
    {
      stdio: "ignore",
      env: { SECRET: "secret" },
      cwd: folder,
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  return child.pid as number;
}

function segment(): number {
  const key = 0x510 * 0x10000 + (process.pid % 0x8000) * 8 + made;
  spawnSync("perl", ["-e", "shmget($ARGV[0], 64, 01600)", String(key)]);
  onTestFinished(() => void spawnSync("ipcrm", ["-M", String(key)]));
  return key;
}

/** The command in a session that has a key, as a login makes one. */
export function withKey(command: Command, { key }: Place): Command {
  const add = `my ($type, $name, $secret) = ("user", shift, "secret"); syscall(${isArm ? 217 : 248}, $type, $name, $secret, 6, -3); exec @ARGV;`;
  return hasPerl
    ? { ...command, file: "perl", args: ["-e", add, key, command.file, ...command.args] }
    : command;
}
