/**
 * A hostile process: tries everything on the list, in a sandbox or without one, and prints what came of each attempt as
 * `{ name: "done" | code }`. It is told where everything lies, as an attacker would find out.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import type { Place } from "./place.ts";

const at: Place = JSON.parse(process.argv[2] ?? "{}");
const { workspace, secret, database, targets, victim, port, socket, abstract, sharedMemory } = at;

const isArm = process.arch === "arm64";

const attempts: Record<string, () => unknown> = {
  "write beside the workspace": () => fs.writeFileSync(targets.beside, "x"),
  "write in the memory": () => fs.writeFileSync(targets.memory, "x"),
  "write in what it may only read": () => fs.writeFileSync(targets.config, "x"),
  "write in the system": () => fs.closeSync(fs.openSync("/usr/bin/getent", "r+")),
  "read a secret in a home": () => fs.readFileSync(secret),
  "look into the person's home": lookIntoHome,
  "read the store": () => fs.readFileSync(database),
  "write through a planted symlink": () => fs.writeFileSync(`${workspace}/link`, "x"),
  "write through a planted link to a folder": () => fs.writeFileSync(`${workspace}/out/folder`, "x"),
  "write through a symlink of its own": () => {
    fs.symlinkSync(targets.ownLink, `${workspace}/mine`);
    fs.writeFileSync(`${workspace}/mine`, "x");
  },
  "write through a hard link of its own": () => {
    fs.linkSync(targets.hardLink, `${workspace}/linked`);
    fs.writeFileSync(`${workspace}/linked`, "x");
  },
  "open a TCP connection to this machine": () => connected({ port, host: "127.0.0.1" }),
  "open a unix socket of the machine": () => connected({ path: socket }),
  "open an abstract socket of the machine": () => connected({ path: `\0${abstract}` }),
  "signal another process": () => process.kill(victim, "SIGUSR1"),
  "read another process's environment": () => fs.readFileSync(`/proc/${victim}/environ`),
  "read another process's memory": () => fs.closeSync(fs.openSync(`/proc/${victim}/mem`, "r")),
  "trace another process": () => ran("perl", ["-e", TRACE, String(victim)]),
  "go through the root of another process": () => throughProcesses("root"),
  "go through the working folder of another process": () => throughProcesses("cwd"),
  "open shared memory of the machine": () =>
    ran("perl", ["-e", "exit(defined shmget($ARGV[0], 1, 0) ? 0 : 1)", String(sharedMemory)]),
  "read a key of the person's session": () => ran("perl", ["-e", KEY, at.key]),
  "open a socket to the host of a virtual machine": () =>
    ran("perl", ["-e", "exit(socket(my $socket, 40, 1, 0) ? 0 : 1)"]),
  "submit calls by a ring": () =>
    ran("perl", ["-e", 'my $setup = "\\0" x 120; exit(syscall(425, 8, $setup) > 0 ? 0 : 1)']),
  "change a setting of the kernel": () => fs.closeSync(fs.openSync("/proc/sys/kernel/core_pattern", "r+")),
  "give itself new rights in a namespace": () => ran("unshare", ["-U", "true"]),
  "become another user by a set-user-id program": () => {
    const flags = fs.readFileSync("/proc/self/status", "utf8");
    if (/^NoNewPrivs:\s*1$/m.test(flags)) throw Object.assign(new Error(), { code: "EPERM" });
  },
};

/** The folders on the way to the workspace may be seen, if they are all there is. */
function lookIntoHome(): void {
  const isOnTheWay = (name: string) => `${workspace}/`.startsWith(`${path.join(at.person, name)}/`);
  if (fs.readdirSync(at.person).every(isOnTheWay)) throw Object.assign(new Error(), { code: "ENOENT" });
}

/** PTRACE_ATTACH; its number is the processor's. */
const TRACE = `exit(syscall(${isArm ? 117 : 101}, 16, $ARGV[0] + 0, 0, 0) == 0 ? 0 : 1)`;

/** KEYCTL_SEARCH in the session's keyring, KEYCTL_READ. */
const KEY = `my ($type, $name, $secret) = ("user", shift, "\\0" x 32); my $key = syscall(${isArm ? 219 : 250}, 10, -3, $type, $name, 0);
  exit(syscall(${isArm ? 219 : 250}, 11, $key, $secret, 32) > 0 ? 0 : 1)`;

/** The secret, by way of what the kernel shows of processes that may stand elsewhere. */
function throughProcesses(link: "root" | "cwd"): void {
  const pids = new Set([1, process.ppid, at.engine, victim]);
  const ways = [...pids].flatMap((pid) => [secret, `/${path.basename(secret)}`].map((end) => [pid, end]));
  const seen = ways.some(([pid, end]) => {
    try {
      return fs.readFileSync(`/proc/${pid}/${link}${end}`, "utf8") === "secret";
    } catch {
      return false;
    }
  });
  if (!seen) throw Object.assign(new Error(), { code: "ENOENT" });
}

function connected(to: net.NetConnectOpts): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(to, () => socket.destroy());
    socket.on("error", reject).on("close", () => resolve());
  });
}

function ran(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: "ignore" });
  if (error !== undefined) throw error;
  if (status !== 0) throw Object.assign(new Error(), { code: `exit ${status}` });
}

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    results[name] = "done";
  } catch (error) {
    results[name] = (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
console.log(JSON.stringify(results));
