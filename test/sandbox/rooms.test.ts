import { spawnSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { type Command, outputOf } from "../../src/process/supervised-process.ts";
import { bubblewrap, sandboxNamed } from "../../src/sandbox/bubblewrap.ts";
import type { SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { temporaryFolder } from "../cli/invoke.ts";
import { here, PATIENCE_MS } from "./here.ts";

const PATH = process.env.PATH ?? "";

afterEach(() => {
  process.env.PATH = PATH;
});

/** A state folder with a run at work, and the sandbox that run would have. */
function runIn(folder: string): {
  readonly state: string;
  readonly sandboxSpec: SandboxSpec;
  readonly command: Command;
} {
  const state = join(folder, "state");
  const run = join(state, "staging", "r1");
  const workspace = join(run, "workspace");
  mkdirSync(workspace, { recursive: true });
  const sandboxSpec: SandboxSpec = { workspace, home: join(run, "home"), readable: [], network: "none" };
  return { state, sandboxSpec, command: shell("true", workspace) };
}

function shell(script: string, cwd: string): Command {
  return { file: "/bin/sh", args: ["-c", script], env: { PATH: process.env.PATH ?? "", KEPT: "kept" }, cwd };
}

async function said(script: string, sandboxSpec: SandboxSpec): Promise<string> {
  const command = await sandboxNamed("bubblewrap").confine(shell(script, sandboxSpec.workspace), sandboxSpec);
  const { stdout, why } = await outputOf(command, PATIENCE_MS);
  return stdout === "" ? why : stdout.trim();
}

describe("where there is no sandbox, nothing starts", () => {
  const refused = (program: string | null) => {
    const folder = temporaryFolder();
    if (program !== null) {
      writeFileSync(join(folder, "bwrap"), `#!/bin/sh\n${program}\n`);
      chmodSync(join(folder, "bwrap"), 0o755);
    }
    const { command, sandboxSpec } = runIn(folder);
    const path = [folder, ...(program === null ? [] : ["/bin", "/usr/bin"])].join(delimiter);
    return expect(bubblewrap(() => path).confine(command, sandboxSpec)).rejects;
  };
  const failure = (said: RegExp) => ({
    code: "failed_sandbox_policy",
    message: expect.stringMatching(said),
  });

  test("bubblewrap is not installed: the sentence says with what to install it", () =>
    refused(null).toMatchObject(failure(/no `bwrap` on PATH\. Install it \(`apt install bubblewrap`/)));

  test("it may not make namespaces: its own words are told, and what to allow", () =>
    refused("echo 'bwrap: No permissions to create new namespace' >&2; exit 1").toMatchObject(
      failure(/does not hold here \(bwrap: No permissions to create new namespace\)\. Allow user namespaces/),
    ));

  test("it only says that it confines: that is seen, since it is tried", () =>
    refused('while [ "$1" != "--chdir" ]; do shift; done; cd "$2"; shift 3; exec "$@"').toMatchObject(
      failure(/does not hold here \(it wrote outside\)/),
    ));

  test("it can't be tried, since there is no place for that: a refusal as well, not an error", async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = "/nowhere";
    onTestFinished(() => {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    });
    expect(await bubblewrap(() => "/bin:/usr/bin").probe("none")).toEqual({
      missing: expect.stringMatching(/bubblewrap is not here|does not hold here \(ENOENT/),
    });
  });

  test("it is tried once by all who ask at once, and again when it failed", async () => {
    const folder = temporaryFolder();
    const count = join(folder, "count");
    writeFileSync(join(folder, "bwrap"), `#!/bin/sh\necho "$1" >> ${count}; exit 1\n`);
    chmodSync(join(folder, "bwrap"), 0o755);
    const sandbox = bubblewrap(() => folder);
    const tries = () =>
      readFileSync(count, "utf8")
        .split("\n")
        .filter((word) => word === "--unshare-user").length;
    await Promise.all([sandbox.probe("none"), sandbox.probe("none")]);
    expect(tries()).toBe(1);
    // Somebody may have mended it.
    await sandbox.probe("none");
    expect(tries()).toBe(2);
  });

  test.runIf(here)("what was seen to hold is not tried again", async () => {
    const folder = temporaryFolder();
    const count = join(folder, "count");
    writeFileSync(join(folder, "bwrap"), `#!/bin/sh\necho "$1" >> ${count}; exec bwrap-itself "$@"\n`);
    chmodSync(join(folder, "bwrap"), 0o755);
    const real = spawnSync("sh", ["-c", "command -v bwrap"]).stdout.toString().trim();
    symlinkSync(real, join(folder, "bwrap-itself"));
    process.env.PATH = [folder, PATH].join(delimiter);
    const sandbox = bubblewrap();
    const { command, sandboxSpec } = runIn(folder);
    await sandbox.confine(command, sandboxSpec);
    await sandbox.confine(command, sandboxSpec);
    expect(readFileSync(count, "utf8").match(/--unshare-user/g)).toHaveLength(1);
  });
});

test("a sandbox can be made wherever bubblewrap works at all: that none is tested elsewhere is no fault of ours", () => {
  const namespaces = ["--unshare-user", "--unshare-pid", "--unshare-net"];
  const plain = spawnSync("bwrap", [...namespaces, "--ro-bind", "/", "/", "--proc", "/proc", "true"]);
  expect(here).toBe(plain.status === 0);
});

describe.runIf(here)("a sandbox", () => {
  test("is the same place under the same name, with a home and a temporary folder of its own", async () => {
    const { sandboxSpec } = runIn(temporaryFolder());
    const { workspace, home } = sandboxSpec;
    // Where the workspace lies below it, the folder on the way there is seen, too.
    const seen = workspace.startsWith("/tmp/") ? ["gone", workspace.split("/")[2] ?? ""].sort() : ["gone"];
    expect(
      await said(
        'pwd; echo "$HOME $TMPDIR $KEPT"; echo x > "$HOME/kept"; echo x > /tmp/gone; ls /tmp',
        sandboxSpec,
      ),
    ).toBe(`${workspace}\n${home} /tmp kept\n${seen.join("\n")}`);
    expect(readFileSync(join(home, "kept"), "utf8")).toBe("x\n");
  });

  test("has of our environment what the command was given and nothing else", async () => {
    const { sandboxSpec } = runIn(temporaryFolder());
    process.env.SLOWWAVE_TEST_SECRET = "secret";
    onTestFinished(() => void delete process.env.SLOWWAVE_TEST_SECRET);
    const seen = await said("cat /proc/1/environ /proc/self/environ | tr '\\0' '\\n' | sort -u", sandboxSpec);
    expect(seen).toContain("KEPT=kept");
    expect(seen).not.toContain("secret");
  });

  test("a workspace with a hard link is refused: writing there would write elsewhere", async () => {
    const folder = temporaryFolder();
    const { sandboxSpec, state, command } = runIn(folder);
    writeFileSync(join(state, "slowwave.db"), "everything");
    mkdirSync(join(sandboxSpec.workspace, "skills"));
    linkSync(join(state, "slowwave.db"), join(sandboxSpec.workspace, "skills", "linked"));
    await expect(sandboxNamed("bubblewrap").confine(command, sandboxSpec)).rejects.toMatchObject({
      code: "failed_sandbox_policy",
      message: expect.stringContaining("skills/linked"),
    });
    // What would have happened.
    writeFileSync(join(sandboxSpec.workspace, "skills", "linked"), "x");
    expect(readFileSync(join(state, "slowwave.db"), "utf8")).toBe("x");
  });

  test.each<[string, (state: string) => string]>([
    ["the state folder", (state) => state],
    ["a folder above it", (state) => dirname(state)],
    ["everything", () => "/"],
  ])("to read %s is refused: the store and other runs lie there", async (_, readable) => {
    const { sandboxSpec, state, command } = runIn(temporaryFolder());
    const open = { ...sandboxSpec, readable: [readable(state)] };
    await expect(sandboxNamed("bubblewrap").confine(command, open)).rejects.toMatchObject({
      code: "failed_sandbox_policy",
      message: expect.stringContaining("Choose another home"),
    });
  });

  test("what is readable is shown under its name and its real one; what is not there is left out", async () => {
    const folder = temporaryFolder();
    const { sandboxSpec } = runIn(folder);
    mkdirSync(join(folder, "real"));
    writeFileSync(join(folder, "real", "settings"), "settings");
    symlinkSync(join(folder, "real"), join(folder, "named"));
    const readable = [join(folder, "named"), join(folder, "not-there")];
    expect(
      await said(`cat ${folder}/named/settings ${folder}/real/settings; echo; ls ${folder}`, {
        ...sandboxSpec,
        readable,
      }),
    ).toBe("settingssettings\nnamed\nreal\nstate");
  });

  test("of an agent that brings bubblewrap of its own holds, too: the inner one works, the outer stays shut", async () => {
    const { sandboxSpec } = runIn(temporaryFolder());
    const inner = "bwrap --unshare-user --unshare-net --ro-bind / / --dev /dev echo inner";
    const outer = "(: 3<> /proc/sys/kernel/core_pattern) 2> /dev/null || echo shut";
    expect(await said(`${inner} 2>&1; ${outer}`, { ...sandboxSpec, nested: true })).toBe("inner\nshut");
    expect(await said(`${inner} 2>&1; ${outer}`, sandboxSpec)).toMatch(/^bwrap: .*\nshut$/s);
  });

  test("with its network closed reaches one socket if it is given one, and nothing else", async () => {
    const folder = temporaryFolder();
    const { sandboxSpec } = runIn(folder);
    const proxySocket = join(folder, "proxy.sock");
    const server = createServer((socket) => socket.on("error", () => {}).end("through"));
    await new Promise<void>((resolve) => server.listen(proxySocket, resolve));
    onTestFinished(() => void server.close());
    const ask = `${process.execPath} -e 'require("node:net").connect("${proxySocket}").on("error", (e) => console.log(e.code)).pipe(process.stdout)'`;
    const open = { ...sandboxSpec, readable: [process.execPath] };
    expect(await said(ask, open)).toBe("ENOENT");
    expect(await said(ask, { ...open, proxySocket })).toBe("through");
  });

  test("with its network open sees the machine's interfaces; closed, its own loopback alone", async () => {
    const { sandboxSpec } = runIn(temporaryFolder());
    const interfaces = "sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev";
    const outside = spawnSync("/bin/sh", ["-c", interfaces]).stdout.toString().trim();
    expect(await said(interfaces, { ...sandboxSpec, network: "open" })).toBe(outside);
    expect(await said(interfaces, sandboxSpec)).toBe("lo");
  });

  test("has no terminal to type into, and outside there would be one", async () => {
    const folder = temporaryFolder();
    const { sandboxSpec } = runIn(folder);
    const type = `open(my $tty, "+<", "/dev/tty") or open($tty, "<&STDIN"); exit(ioctl($tty, 0x5412, my $key = "x") ? 0 : 9);`;
    const command = { ...shell("", sandboxSpec.workspace), file: "/usr/bin/perl", args: ["-e", type] };
    const inTerminal = ({ file, args, env, feeds = [] }: Command) => {
      const words = [file, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
      writeFileSync(join(folder, "feed"), feeds[0] ?? "");
      return spawnSync("script", ["-qec", `${words.join(" ")} 3< ${folder}/feed`, "/dev/null"], {
        env: { ...env, SHELL: "/bin/sh" },
        stdio: "ignore",
      }).status;
    };
    const outside = inTerminal(command);
    if (outside !== 0) return console.error("\nNOT RUN: here a terminal can't be typed into anyway.\n");
    expect(inTerminal(await sandboxNamed("bubblewrap").confine(command, sandboxSpec))).toBe(9);
  });
});
