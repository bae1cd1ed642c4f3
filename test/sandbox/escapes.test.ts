import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { outputOf } from "../../src/process/supervised-process.ts";
import { sandboxNamed } from "../../src/sandbox/bubblewrap.ts";
import type { SandboxName, SandboxNetwork } from "../../src/sandbox/sandbox.ts";
import { here, PATIENCE_MS } from "./here.ts";
import { hasPerl, type Place, place, roomIn, UNTOUCHED, withKey } from "./place.ts";

/**
 * One hostile process, once in a sandbox of bubblewrap and once without: what it tries there fails, and what fails
 * there would succeed outside.
 */
const ATTEMPTS = fileURLToPath(new URL("./attempts.child.ts", import.meta.url));

/** Attempts whose success is seen from outside: in its sandbox a process may well write, on a ground of its own. */
const TARGETS: Readonly<Record<string, keyof Place["targets"]>> = {
  "write beside the workspace": "beside",
  "write in the memory": "memory",
  "write in what it may only read": "config",
  "write through a planted symlink": "planted",
  "write through a planted link to a folder": "folder",
  "write through a symlink of its own": "ownLink",
  "write through a hard link of its own": "hardLink",
};

/** What only root could do without a sandbox, too. */
const BY_ROOT = [
  "write in the system",
  "change a setting of the kernel",
  "give itself new rights in a namespace",
];
const BY_PERL = ["trace another process", "open shared memory of the machine"];
/** What a container around the tests may have closed already. */
const CLOSED_PERHAPS = [
  "read a key of the person's session",
  "open a socket to the host of a virtual machine",
  "submit calls by a ring",
];

test.runIf(process.platform === "linux" && process.env.SLOWWAVE_TEST_WITHOUT_SANDBOX !== "1")(
  "bubblewrap is here, so that attempts to escape are made (SLOWWAVE_TEST_WITHOUT_SANDBOX=1 goes without)",
  () => expect(here).toBe(true),
);

test.runIf(here)(
  "in a sandbox every attempt to get out fails, and without it every one succeeds",
  async () => {
    const [inside, outside] = [await attemptsIn("bubblewrap"), await attemptsIn("none")];
    const names = Object.keys(outside).filter((name) => isPossible(name, outside));
    expect(names.length).toBeGreaterThan(15);
    expect(pick(outside, names)).toEqual(Object.fromEntries(names.map((name) => [name, "done"])));
    const failed = expect.not.stringMatching(/^done$/);
    expect(pick(inside, names)).toEqual(Object.fromEntries(names.map((name) => [name, failed])));
  },
);

test.runIf(here)("an open network opens the network, and nothing else", async () => {
  const [open, closed] = [await attemptsIn("bubblewrap", "open"), await attemptsIn("bubblewrap")];
  const opened = Object.keys(open).filter((name) => open[name] === "done" && closed[name] !== "done");
  expect(opened).toEqual(["open a TCP connection to this machine", "open an abstract socket of the machine"]);
});

async function attemptsIn(
  name: SandboxName,
  network: SandboxNetwork = "none",
): Promise<Readonly<Record<string, string>>> {
  const at = await place();
  const told = JSON.stringify(at);
  const command = {
    file: process.execPath,
    args: ["--experimental-strip-types", "--no-warnings", ATTEMPTS, told],
    env: { PATH: process.env.PATH ?? "" },
    cwd: at.workspace,
  };
  const confined = await sandboxNamed(name).confine(command, { ...roomIn(at), network });
  const { stdout, why } = await outputOf(withKey(confined, at), PATIENCE_MS);
  if (stdout === "") throw new Error(why);
  const results: Record<string, string> = JSON.parse(stdout);
  for (const [attempt, target] of Object.entries(TARGETS)) {
    const isTouched = readFileSync(at.targets[target], "utf8") !== UNTOUCHED;
    if (isTouched !== (results[attempt] === "done")) results[attempt] = isTouched ? "done" : "in vain";
  }
  return results;
}

function isPossible(name: string, outside: Readonly<Record<string, string>>): boolean {
  const isRoot = process.getuid?.() === 0;
  const possible =
    (isRoot || !BY_ROOT.includes(name)) &&
    (hasPerl || !BY_PERL.includes(name)) &&
    (outside[name] === "done" || !CLOSED_PERHAPS.includes(name));
  if (!possible) console.error(`\nNOT RUN: "${name}" can't be shown here.\n`);
  return possible;
}

function pick(results: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, results[name] ?? "not tried"]));
}
