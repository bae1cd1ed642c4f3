import { existsSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import { removePath, walkTree } from "../files/folder.ts";
import { nodeFiles } from "../files/node-files.ts";
import { findOnPath, scrubbedEnvironment } from "../process/environment.ts";
import { type Command, type Output, outputOf } from "../process/supervised-process.ts";
import type { Sandbox, SandboxName, SandboxNetwork, SandboxSpec } from "./sandbox.ts";

type Missing = { readonly missing: string };

/**
 * bubblewrap (Linux): namespaces of its own for processes, users, mounts, IPC and, unless it is open, the network; of
 * the machine's files only the system, read-only, and what the specification names; no capability; no terminal. All that
 * was started in it ends with it.
 */
export function bubblewrap(path: () => string | undefined = () => process.env.PATH): Sandbox {
  const tried = new Map<string, Promise<Bubblewrap | Missing>>();

  async function found(network: SandboxNetwork): Promise<Bubblewrap | Missing> {
    if (process.platform !== "linux") return { missing: elsewhere() };
    const program = await findOnPath("bwrap", path());
    if (program === null) return { missing: MISSING };
    const key = `${network} ${program}`;
    const attempt = tried.get(key) ?? tryBubblewrap(program, network);
    tried.set(key, attempt);
    const answer = await attempt;
    // Somebody may mend it while this process lives.
    if ("missing" in answer) tried.delete(key);
    return answer;
  }

  return {
    name: "bubblewrap",
    async probe(network) {
      const answer = await found(network);
      return "missing" in answer ? answer : { version: answer.version };
    },
    async confine(command, sandboxSpec) {
      const answer = await found(sandboxSpec.network);
      if ("missing" in answer) throw new SlowwaveError("failed_sandbox_policy", answer.missing);
      return wrapped(answer, command, sandboxSpec);
    },
  };
}

const CHOICE = "or choose `--sandbox none`, with which the agent reaches all that you can";

const MISSING = `bubblewrap is not here: there is no \`bwrap\` on PATH. Install it (\`apt install bubblewrap\`, \`dnf install bubblewrap\`), ${CHOICE}.`;

function elsewhere(): string {
  return `There is no sandbox for this agent on ${process.platform}. Use an agent that brings its own, ${CHOICE}.`;
}

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

/** Runs a shell in a sandbox and compares what it could do with what it should. Never rejects. */
export async function tryBubblewrap(
  program: string,
  network: SandboxNetwork,
): Promise<Bubblewrap | { readonly missing: string }> {
  const found = await described(program);
  const why = await failureOf(found, network).catch(causeOf);
  return why === null ? found : { missing: notHolding(found.version, why) };
}

async function described(program: string): Promise<Bubblewrap> {
  const env = scrubbedEnvironment(process.env, "probe");
  const outputFor = async (word: string) =>
    (await outputOf({ file: program, args: [word], env, cwd: "/" }, PATIENCE_MS)).stdout;
  const [version, help] = await Promise.all([outputFor("--version"), outputFor("--help")]);
  const options = new Set(help.match(/--[a-z][a-z-]*/g));
  return {
    program,
    version: /\b\d+\.\d+[\w.-]*/.exec(version)?.[0] ?? null,
    knows: (option) => options.has(option),
  };
}

/** Null when it holds. */
async function failureOf(bubblewrap: Bubblewrap, network: SandboxNetwork): Promise<string | null> {
  const place = await realpath(await mkdtemp(join(tmpdir(), "slowwave-room-")));
  try {
    const [workspace, home] = [join(place, "workspace"), join(place, "home")];
    await Promise.all([mkdir(workspace), writeFile(join(place, "secret"), "secret\n")]);
    const env = scrubbedEnvironment(process.env, "probe");
    const shell: Command = { file: "/bin/sh", args: ["-c", ATTEMPTS, "sh", place], env, cwd: workspace };
    const sandboxSpec = { workspace, home, readable: [], network };
    const tried = await outputOf(await wrapped(bubblewrap, shell, sandboxSpec), PATIENCE_MS);
    // It may well have written there, but on a ground of its own.
    return existsSync(join(place, "outside")) ? "it wrote outside" : whyNot(tried, network);
  } finally {
    await removePath(nodeFiles(), place);
  }
}

/** Null when everything is as it should be. */
function whyNot({ stdout, why }: Output, network: SandboxNetwork): string | null {
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

/** The command that runs this one in a sandbox. Says nothing of whether it holds: the probe runs it to know. */
export async function wrapped(
  { program, knows }: Pick<Bubblewrap, "program" | "knows">,
  command: Command,
  sandboxSpec: SandboxSpec,
): Promise<Command> {
  const { network, nested = false } = sandboxSpec;
  if (!isAbsolute(command.file)) {
    throw new SlowwaveError("failed_sandbox_policy", `The program ${command.file} has no absolute path.`);
  }
  await mkdir(sandboxSpec.home, { recursive: true, mode: 0o700 });
  await refuseHardLinks(sandboxSpec.workspace);
  const [workspace, home] = await Promise.all([realpath(sandboxSpec.workspace), realpath(sandboxSpec.home)]);
  const mounts = await mountsOf({
    ...sandboxSpec,
    workspace,
    home,
    readable: [...sandboxSpec.readable, command.file],
  });
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
    ...["--chdir", command.cwd === sandboxSpec.workspace ? workspace : command.cwd],
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

/** One word of bubblewrap with its two paths; the order of mounts counts. */
interface Mount {
  readonly kind: "ro-bind" | "bind" | "symlink";
  readonly from: string;
  readonly to: string;
}

/** Programs, libraries, and what of `/etc` a program needs to run: none of the machine's secrets, nobody's home. */
const SYSTEM = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/run/current-system/sw"],
  ...["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path"].map(etc),
  ...["passwd", "group", "nsswitch.conf", "localtime", "timezone", "locale.alias", "mime.types"].map(etc),
  ...["protocols", "services", "terminfo", "os-release", "gitconfig"].map(etc),
];

/** To find hosts and to trust them. */
const NETWORK = [
  ...["hosts", "host.conf", "gai.conf", "resolv.conf", "ca-certificates", "ca-certificates.conf"].map(etc),
  ...["ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted"].map(etc),
];

/** In the order in which they are made: what is read first, then what is written, above it. */
async function mountsOf(sandboxSpec: SandboxSpec): Promise<readonly Mount[]> {
  const { workspace, home, proxySocket } = sandboxSpec;
  const shown: Mount[] = [];
  const isShown = (path: string) => shown.some(({ to }) => isWithin(path, to));
  const system = [...SYSTEM, ...(sandboxSpec.network === "open" ? NETWORK : [])];
  for (const { path, real } of [...(await foundOf(system)), ...(await foundOf(sandboxSpec.readable))]) {
    refuseCover(real, [workspace, home]);
    if (!isShown(real)) shown.push({ kind: "ro-bind", from: real, to: real });
    // Inside what is shown already its own link is seen, too.
    if (!isShown(path)) shown.push({ kind: "symlink", from: real, to: path });
  }
  const open = [workspace, home, ...(proxySocket === undefined ? [] : [proxySocket])];
  return [...shown, ...open.map((path): Mount => ({ kind: "bind", from: path, to: path }))];
}

interface Found {
  readonly path: string;
  readonly real: string;
}

/** Those that are there, a folder before what lies in it. */
async function foundOf(paths: readonly string[]): Promise<readonly Found[]> {
  const found = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      const real = await realpath(path).catch(() => null);
      return real === null ? [] : [{ path, real }];
    }),
  );
  return found.flat().sort((one, other) => (one.real < other.real ? -1 : 1));
}

/** What is readable must not lay open what lies around the workspace: other runs, the store. */
function refuseCover(path: string, hidden: readonly string[]): void {
  if (!hidden.some((place) => isWithin(place, path))) return;
  throw new SlowwaveError(
    "failed_sandbox_policy",
    `The state folder lies in ${path}, which the agent has to read. Choose another home (--home, SLOWWAVE_HOME).`,
  );
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !isAbsolute(way));
}

function etc(name: string): string {
  return `/etc/${name}`;
}

/**
 * A file with a second name may have that name outside: to write here would be to write there, and no sandbox sees
 * a difference. Staging is prepared anew for each run and has none.
 */
async function refuseHardLinks(workspace: string): Promise<void> {
  const folder = await nodeFiles().open(`${workspace}/.`);
  try {
    for await (const visit of walkTree(folder)) {
      if (visit.entry.kind !== "file") continue;
      const facts = await visit.folder.facts(visit.entry.name);
      if (facts === null || facts.links === 1) continue;
      const path = JSON.stringify(`${visit.folder.path}/${visit.entry.name}`);
      throw new SlowwaveError(
        "failed_sandbox_policy",
        `The workspace holds a file that has another name elsewhere (${path}). Run \`slowwave doctor\`, then run again.`,
      );
    }
  } finally {
    await folder.close();
  }
}

/** The command as it is: it may read, write and reach whatever this process may. */
const noSandbox: Sandbox = {
  name: "none",
  probe: async () => ({ version: null }),
  confine: async (command) => command,
};

const SANDBOXES: Readonly<Record<SandboxName, Sandbox>> = { bubblewrap: bubblewrap(), none: noSandbox };

/**
 * The sandbox of this name.
 *
 * @example
 * ```ts
 * const sandbox = sandboxNamed("bubblewrap");
 * const found = await sandbox.probe("none"); // { version } or { missing }, a sentence that says what to do
 * const confined = await sandbox.confine({ file, args, env, cwd }, { workspace, home, readable: [], network: "none" });
 * ```
 */
export function sandboxNamed(name: SandboxName): Sandbox {
  return SANDBOXES[name];
}

/**
 * What no namespace closes, closed for the kernel's own door: keys of the person's session (`keyctl`), families of
 * sockets that no network namespace holds (vsock, to the host of a virtual machine), rings that would go around
 * this list, and calls that agents have no business with. As a program of the kernel's packet filter, for
 * `bwrap --seccomp`; null on processors whose numbers are not known here.
 */
function systemCallFilter(architecture: string): Uint8Array | null {
  const calls = CALLS[architecture];
  return calls === undefined ? null : assembled(programOf(calls));
}

interface Calls {
  /** As in `AUDIT_ARCH_*`. */
  readonly audit: number;
  readonly denied: readonly number[];
  readonly rings: readonly number[];
  readonly socket: number;
  readonly ioctl: number;
}

const RINGS = [425, 426, 427];

const CALLS: Readonly<Record<string, Calls>> = {
  x64: {
    audit: 0xc000003e,
    // add_key, request_key, keyctl · bpf, perf_event_open, userfaultfd · modules, kexec · handles, kernel log
    denied: [248, 249, 250, 321, 298, 323, 175, 176, 313, 246, 320, 304, 103],
    rings: RINGS,
    socket: 41,
    ioctl: 16,
  },
  arm64: {
    audit: 0xc00000b7,
    denied: [217, 218, 219, 280, 241, 282, 105, 106, 273, 104, 294, 265, 116],
    rings: RINGS,
    socket: 198,
    ioctl: 29,
  },
};

/** unix, IPv4, IPv6, netlink: each is held by a namespace or by the files that are shown. */
const FAMILIES = [1, 2, 10, 16];
/** Typing into a terminal: TIOCSTI, TIOCLINUX. */
const TYPING = [0x5412, 0x541c];
/** Numbers of the x32 calls, which would be other numbers for the same. */
const X32 = 0x40000000;

const ALLOW = 0x7fff0000;
const refuse = (errno: number) => 0x00050000 + errno;
const [EPERM, ENOSYS, EAFNOSUPPORT] = [refuse(1), refuse(38), refuse(97)];

/** One instruction: code, jump if true, jump if false, constant. */
type Step = readonly [code: number, ifTrue: number, ifFalse: number, constant: number];

/** Offsets in `seccomp_data`; of the arguments the lower half, on little-endian processors. */
const load = (offset: number): Step => [0x20, 0, 0, offset];
const NUMBER = load(0);
const ARCHITECTURE = load(4);
const argument = (index: number) => load(16 + 8 * index);
const answer = (verdict: number): Step => [0x06, 0, 0, verdict];
/** Whether it equals the constant: the next step, or the one after that. */
const unless = (constant: number): Step => [0x15, 0, 1, constant];

function programOf({ audit, denied, rings, socket, ioctl }: Calls): readonly Step[] {
  const families = FAMILIES.flatMap((family) => [unless(family), answer(ALLOW)]);
  const typing = TYPING.flatMap((request) => [unless(request), answer(EPERM)]);
  return [
    ARCHITECTURE,
    [0x15, 1, 0, audit],
    answer(EPERM),
    NUMBER,
    [0x35, 0, 1, X32],
    answer(EPERM),
    ...denied.flatMap((number) => [unless(number), answer(EPERM)]),
    ...rings.flatMap((number) => [unless(number), answer(ENOSYS)]),
    [0x15, 0, families.length + 2, socket],
    argument(0),
    ...families,
    answer(EAFNOSUPPORT),
    [0x15, 0, typing.length + 1, ioctl],
    argument(1),
    ...typing,
    answer(ALLOW),
  ];
}

function assembled(steps: readonly Step[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(steps.length * 8));
  for (const [at, [code, ifTrue, ifFalse, constant]] of steps.entries()) {
    bytes.setUint16(at * 8, code, true);
    bytes.setUint8(at * 8 + 2, ifTrue);
    bytes.setUint8(at * 8 + 3, ifFalse);
    bytes.setUint32(at * 8 + 4, constant, true);
  }
  return new Uint8Array(bytes.buffer);
}
