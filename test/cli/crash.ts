import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect } from "vitest";
import { commandLine, type Invoked } from "./invoke.ts";
import { processesOf, type Started, start } from "./real-process.ts";

const SAMPLES = resolve("samples/stage1.jsonl");

/** The command line in this process, for what is not to be killed. */
export function inProcess(home: string): Invoked {
  return commandLine({ env: { SLOWWAVE_HOME: home } }, dirname(home));
}

/** Homes with the samples in them, copied from one; `clear` removes them all. */
export function sampleHomes(): { next(): Promise<string>; clear(): void } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-crash-")));
  const first = join(folder, "first");
  let count = 0;
  return {
    next: async () => {
      if (count === 0) expect(await inProcess(first).slowwave("import", SAMPLES)).toMatchObject({ code: 0 });
      count += 1;
      const home = join(folder, `home-${count}`);
      cpSync(first, home, { recursive: true });
      return home;
    },
    clear: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Every file of the memory with a hash of its bytes; the mark names the home, so it is left out. */
export function memoryOf(home: string): Readonly<Record<string, string>> {
  const root = join(home, "memories");
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.endsWith("/.slowwave"))
      .map(
        (path) =>
          [path.slice(root.length), createHash("sha256").update(readFileSync(path)).digest("hex")] as const,
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Kills the command with -9 at that moment and waits for its end; false when it was faster. */
export async function killed(started: Started, moment: Promise<void>): Promise<boolean> {
  await Promise.race([moment, started.ended]).catch(() => {});
  started.process.kill("SIGKILL");
  return (await started.ended).signal === "SIGKILL";
}

/**
 * What must be true after a run that came back from a crash: it succeeded, everything is whole and nothing is left.
 * `whole` is the memory of an undisturbed run.
 */
export async function expectRecovered(home: string, whole: Readonly<Record<string, string>>): Promise<void> {
  const { json } = inProcess(home);
  const { code, value } = await json("run");
  const told = expect.stringMatching(/^(succeeded|skipped_not_dirty)$/);
  expect({ code, value }).toMatchObject({ code: 0, value: { status: told } });
  expect(memoryOf(home)).toEqual(whole);
  expect(readdirSync(join(home, "staging"))).toEqual([]);
  expect(processesOf(home)).toEqual([]);
  expect(await json("status")).toMatchObject({
    value: { job: { status: "done", last_error: null }, unfinished: null },
  });
}

export function startRun(home: string): Started {
  return start(["run", "--home", home]);
}
