import { existsSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { causeOf } from "../domain/failure.ts";
import { nodeFiles } from "../files/node-files.ts";
import { removePath } from "../files/remove-tree.ts";
import { scrubbedEnvironment } from "../process/environment.ts";
import { type Output, outputOf } from "../process/output-of.ts";
import type { Command } from "../process/supervised-process.ts";
import type { RoomNetwork } from "./sandbox.ts";
import { systemCallFilter } from "./system-calls.ts";
import { type Bubblewrap, wrapped } from "./wrap.ts";

const PATIENCE_MS = 10_000;
const NAMESPACES = ["pid", "user", "ipc", "mnt", "uts"];

/**
 * Does what is allowed, tries what is not (opening for writing is enough: nothing is changed if it can), and says itself
 * what came of it; its last word shows that it came so far.
 */
const ATTEMPTS = `
echo in > inside && echo wrote
( echo out > "$1/outside" ) 2>/dev/null
( read -r line < "$1/secret" ) 2>/dev/null && echo read
( : 3<> /etc/passwd ) 2>/dev/null && echo system
( : 3<> /proc/sys/kernel/core_pattern ) 2>/dev/null && echo kernel
ls -l /proc/self/ns
while read -r line; do case "$line" in CapEff:*|Seccomp:*) echo "$line";; esac; done < /proc/self/status
echo tried
`;

/** Runs a shell in a room and compares what it could do with what it should. Never rejects. */
export async function tryBubblewrap(
  program: string,
  network: RoomNetwork,
): Promise<Bubblewrap | { readonly missing: string }> {
  const found = await described(program);
  const why = await failureOf(found, network).catch(causeOf);
  return why === null ? found : { missing: notHolding(found.version, why) };
}

async function described(program: string): Promise<Bubblewrap> {
  const env = scrubbedEnvironment(process.env, "probe");
  const said = async (word: string) =>
    (await outputOf({ file: program, args: [word], env, cwd: "/" }, PATIENCE_MS)).stdout;
  const [version, help] = await Promise.all([said("--version"), said("--help")]);
  const options = new Set(help.match(/--[a-z][a-z-]*/g));
  return {
    program,
    version: /\b\d+\.\d+[\w.-]*/.exec(version)?.[0] ?? null,
    knows: (option) => options.has(option),
  };
}

/** Null when it holds. */
async function failureOf(bubblewrap: Bubblewrap, network: RoomNetwork): Promise<string | null> {
  const place = await realpath(await mkdtemp(join(tmpdir(), "slowwave-room-")));
  try {
    const [workspace, home] = [join(place, "workspace"), join(place, "home")];
    await Promise.all([mkdir(workspace), writeFile(join(place, "secret"), "secret\n")]);
    const env = scrubbedEnvironment(process.env, "probe");
    const shell: Command = { file: "/bin/sh", args: ["-c", ATTEMPTS, "sh", place], env, cwd: workspace };
    const room = { workspace, home, readable: [], network };
    const tried = await outputOf(await wrapped(bubblewrap, shell, room), PATIENCE_MS);
    // It may well have written there, but on a ground of its own.
    return existsSync(join(place, "outside")) ? "it wrote outside" : whyNot(tried, network);
  } finally {
    await removePath(nodeFiles(), place);
  }
}

/** Null when everything is as it should be. */
function whyNot({ stdout, why }: Output, network: RoomNetwork): string | null {
  const lines = stdout.split("\n");
  if (!lines.includes("tried")) return why;
  if (!lines.includes("wrote")) return "its workspace can't be written";
  if (lines.includes("read")) return "it read what it should not see";
  if (lines.includes("system")) return "it wrote in the system";
  if (lines.includes("kernel")) return "it may change settings of the kernel";
  if (!/^CapEff:\s*0+$/m.test(stdout)) return "it left capabilities";
  if (systemCallFilter(process.arch) !== null && !/^Seccomp:\s*2$/m.test(stdout)) {
    return "it filters no system calls";
  }
  const closed = [...NAMESPACES, ...(network === "none" ? ["net"] : [])];
  const shared = closed.find((name) => !isOther(name, stdout));
  return shared === undefined ? null : `it shared the ${shared} namespace`;
}

function isOther(name: string, listed: string): boolean {
  const [inside] = new RegExp(` ${name}:\\[\\d+\\]$`, "m").exec(listed) ?? [];
  return inside !== undefined && inside.trim() !== readlinkSync(`/proc/self/ns/${name}`);
}

function notHolding(version: string | null, why: string): string {
  return `bubblewrap${version === null ? "" : ` ${version}`} does not hold here (${why}). Allow user namespaces (\`sysctl kernel.unprivileged_userns_clone=1\`, on Ubuntu \`kernel.apparmor_restrict_unprivileged_userns=0\`; in a container, its seccomp profile), or choose \`--sandbox none\`, with which the agent reaches all that you can.`;
}
