import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HAS_PROC, identityOf, writeProcessRecord } from "../../src/process/process-record.ts";
import { commandLine, line } from "./invoke.ts";

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
