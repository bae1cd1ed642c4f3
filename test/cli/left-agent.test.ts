import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HAS_PROC, identityOf, writeProcessRecord } from "../../src/process/process-record.ts";
import { commandLine, line, temporaryFolder } from "./invoke.ts";

test.runIf(HAS_PROC)(
  "doctor names the living agent of a run that is over, `recover` ends it, and doctor is content",
  async () => {
    const { json, slowwave, home } = commandLine({ stdin: [line()] });
    await slowwave("import", "-");
    const { run } = (await json("run")).value as { run: string };
    const key = `${run}/agent/0`;
    const agent = spawn("sleep", ["1000"], {
      detached: true,
      env: { PATH: process.env.PATH, SLOWWAVE_RUN: key },
      stdio: "ignore",
    });
    onTestFinished(() => void agent.kill("SIGKILL"));
    const exit = once(agent, "exit");
    await once(agent, "spawn");
    const runFolder = join(home, "staging", run);
    mkdirSync(runFolder, { recursive: true });
    await writeProcessRecord(runFolder, {
      version: 1,
      key,
      agent: "scripted",
      atMs: 0,
      reach: "session-and-mark",
      process: identityOf(agent.pid ?? 0),
      revoked: false,
    });
    const leftovers = async () => {
      const { code, value } = await json("doctor");
      const { checks } = value as { checks: { name: string }[] };
      return { code, found: checks.filter(({ name }) => ["agent_left", "staging"].includes(name)) };
    };
    expect(await leftovers()).toMatchObject({
      code: 0,
      found: [
        {
          name: "agent_left",
          verdict: "warn",
          message: `the agent of run ${run} is over but still lives (pid ${agent.pid})`,
          mend: "slowwave recover",
        },
      ],
    });
    await slowwave("recover");
    await exit;
    expect(await leftovers()).toMatchObject({ code: 0, found: [{ name: "staging", verdict: "ok" }] });
  },
);

/** Root, and a file system that knows the flag. */
function canMakeImmutable(): boolean {
  if (process.getuid?.() !== 0) return false;
  const file = join(temporaryFolder(), "x");
  writeFileSync(file, "");
  const can = spawnSync("chattr", ["+i", file]).status === 0;
  if (can) execFileSync("chattr", ["-i", file]);
  return can;
}

test("an agent's immutable files keep nothing waiting: `recover` prints the command that frees them, and removes them after it", async ({
  skip,
}) => {
  if (!canMakeImmutable()) skip("NOT RUN: no file can be made immutable here.");
  const { json, slowwave, home } = commandLine({ stdin: [line()] });
  await slowwave("import", "-");
  const { run } = (await json("run")).value as { run: string };
  const staging = join(home, "staging", run);
  mkdirSync(join(staging, "workspace", "skills"), { recursive: true });
  const memory = join(staging, "workspace", "skills", "SKILL.md");
  writeFileSync(memory, "x");
  execFileSync("chattr", ["+i", memory]);
  onTestFinished(() => void spawnSync("chattr", ["-R", "-f", "-i", staging]));

  const { code, value } = await json("recover");
  const { left } = value as { left: { path: string; message: string }[] };
  expect({ code, paths: left.map(({ path }) => path) }).toEqual({ code: 0, paths: [staging] });
  const [command = ""] = /(?<=`)chattr [^`]+(?=`)/.exec(left[0]?.message ?? "") ?? [];
  expect((await slowwave("recover")).stderr).toContain(command);
  execFileSync("sh", ["-c", command]);
  expect((await json("recover")).value).toEqual({ recovered: [], freed: [] });
  expect(existsSync(staging)).toBe(false);
});
