import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { majorsHere } from "../postgres/servers.ts";

const CHILD = new URL("postgres-orphans.child.ts", import.meta.url);

test.skipIf(majorsHere().length === 0).each(["SIGKILL", "SIGINT"] as const)(
  "the PostgreSQL of a test run that ends by %s ends too, and its folder is removed",
  async (signal) => {
    const run = fork(CHILD, {
      execArgv: ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"],
    });
    const [folder] = (await once(run, "message")) as [string];
    const pids = pidFiles(folder).map((file) => Number(readFileSync(file, "utf8").split("\n")[0]));
    expect(pids.map(isAlive)).toEqual(pids.map(() => true));
    run.kill(signal);
    await once(run, "exit");
    await expect.poll(() => existsSync(folder) || pids.some(isAlive), { timeout: 20_000 }).toBe(false);
  },
);

function pidFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .flatMap((name) => [join(folder, name, "data/postmaster.pid"), join(folder, name, "pgbouncer.pid")])
    .filter((file) => existsSync(file));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
