import { mkdir, realpath } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { SlowwaveError } from "../../domain/failure.ts";
import { findOnPath } from "../agents/find-program.ts";
import type { Command } from "../process/supervised-process.ts";
import { type Mount, mountsOf } from "./mounts.ts";
import { type Bubblewrap, tryBubblewrap } from "./probe-bubblewrap.ts";
import { refuseHardLinks } from "./refuse-hard-links.ts";
import type { Room, RoomNetwork, Sandbox } from "./sandbox.ts";

type Missing = { readonly missing: string };

/** Of `/tmp`, which is memory. */
const TEMPORARY_BYTES = 512 * 1024 * 1024;

/**
 * bubblewrap (Linux): namespaces of its own for processes, users, mounts, IPC and, unless it is open, the network; of
 * the machine's files only the system, read-only, and what the room names; no capability; no terminal. All that
 * was started in it ends with it.
 */
export function bubblewrap(path: () => string | undefined = () => process.env.PATH): Sandbox {
  const tried = new Map<string, Promise<Bubblewrap | Missing>>();

  async function found(network: RoomNetwork): Promise<Bubblewrap | Missing> {
    if (process.platform !== "linux") return { missing: elsewhere() };
    const program = await findOnPath("bwrap", path());
    if (program === null) return { missing: MISSING };
    const key = `${network} ${program}`;
    const attempt = tried.get(key) ?? tryBubblewrap(program, network);
    tried.set(key, attempt);
    return attempt;
  }

  return {
    name: "bubblewrap",
    async probe(network) {
      const answer = await found(network);
      return "missing" in answer ? answer : { version: answer.version };
    },
    async confine(command, room) {
      const answer = await found(room.network);
      if ("missing" in answer) throw new SlowwaveError("failed_sandbox_policy", answer.missing);
      return wrapped(answer, command, room);
    },
  };
}

/** Exported for the probe, which runs it before it knows that it holds. */
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
  const args = [
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(network === "none" ? ["--unshare-net"] : []),
    ...(knows("--disable-userns") && !nested ? ["--disable-userns"] : []),
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"],
    ...["--proc", "/proc", "--dev", "/dev"],
    ...(knows("--size") ? ["--size", String(TEMPORARY_BYTES)] : []),
    ...["--tmpfs", "/tmp"],
    ...mounts.flatMap(wordsOf),
    // The ground itself, which is memory: where nothing is bound, nothing is written.
    ...["--remount-ro", "/"],
    ...["--chdir", command.cwd === room.workspace ? workspace : command.cwd],
    ...["--", command.file, ...command.args],
  ];
  // Not by --setenv: the command line of a process is for everyone to read.
  const env = { ...command.env, HOME: home, TMPDIR: "/tmp" };
  return { file: program, args, env, cwd: "/", tree: "pid-namespace" };
}

function wordsOf({ kind, from, to }: Mount): readonly string[] {
  return [`--${kind}`, from, to];
}

const CHOICE = "or choose `--sandbox none`, with which the agent reaches all that you can";

const MISSING = `bubblewrap is not here: there is no \`bwrap\` on PATH. Install it (\`apt install bubblewrap\`, \`dnf install bubblewrap\`), ${CHOICE}.`;

function elsewhere(): string {
  return `There is no sandbox for this agent on ${process.platform}. Use an agent that brings its own, ${CHOICE}.`;
}
