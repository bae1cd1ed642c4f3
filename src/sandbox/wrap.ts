import { existsSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";
import type { Command } from "../process/supervised-process.ts";
import { type Mount, mountsOf } from "./mounts.ts";
import { refuseHardLinks } from "./refuse-hard-links.ts";
import type { Room } from "./sandbox.ts";
import { systemCallFilter } from "./system-calls.ts";

/** One version of bubblewrap. */
export interface Bubblewrap {
  readonly program: string;
  readonly version: string | null;
  /** Whether it has the option. */
  knows(option: string): boolean;
}

/** Root is somebody else inside: tools refuse to be root, and an inner sandbox may not map it again. */
const NOBODY = "65534";

/** Of `/tmp`, which is memory. */
const TEMPORARY_BYTES = 512 * 1024 * 1024;

/** The command that runs this one in a room. Says nothing of whether it holds: the probe runs it to know. */
export async function wrapped(
  { program, knows }: Pick<Bubblewrap, "program" | "knows">,
  command: Command,
  room: Room,
): Promise<Command> {
  const { network, nested = false } = room;
  if (!isAbsolute(command.file)) {
    throw new SlowwaveError("failed_sandbox_policy", `The program ${command.file} has no absolute path.`);
  }
  await mkdir(room.home, { recursive: true, mode: 0o700 });
  await refuseHardLinks(room.workspace);
  const [workspace, home] = await Promise.all([realpath(room.workspace), realpath(room.home)]);
  const mounts = await mountsOf({ ...room, workspace, home, readable: [...room.readable, command.file] });
  const filter = systemCallFilter(process.arch);
  const args = [
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(network === "none" ? ["--unshare-net"] : []),
    ...(knows("--disable-userns") && !nested ? ["--disable-userns"] : []),
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"],
    ...(filter === null ? [] : ["--seccomp", "3"]),
    ...(isRoot() ? ["--uid", NOBODY, "--gid", NOBODY] : []),
    ...["--proc", "/proc", ...kernelSettings(), "--dev", "/dev"],
    ...(knows("--size") ? ["--size", String(TEMPORARY_BYTES)] : []),
    ...["--tmpfs", "/tmp"],
    ...mounts.flatMap(wordsOf),
    // The ground itself, which is memory: where nothing is bound, nothing is written.
    ...["--remount-ro", "/"],
    // An inner sandbox writes its user map there.
    ...(nested ? [] : ["--remount-ro", "/proc"]),
    ...["--chdir", command.cwd === room.workspace ? workspace : command.cwd],
    ...["--", command.file, ...command.args],
  ];
  // Not by --setenv: the command line of a process is for everyone to read.
  const env = { ...command.env, HOME: home, TMPDIR: "/tmp" };
  const feeds = filter === null ? [] : [filter];
  return { file: program, args, env, cwd: "/", feeds, tree: "pid-namespace" };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * To the kernel root stays root in any namespace, whatever it is called inside, and settings of the whole machine are
 * root's to write: it would take one of them to get out. They are shown read-only.
 */
function kernelSettings(): readonly string[] {
  const files = ["sys", "sysrq-trigger", "irq", "bus", "acpi", "fs", "scsi", "mtrr"].map(
    (name) => `/proc/${name}`,
  );
  return files.filter(existsSync).flatMap((file) => ["--ro-bind", file, file]);
}

function wordsOf({ kind, from, to }: Mount): readonly string[] {
  return [`--${kind}`, from, to];
}
