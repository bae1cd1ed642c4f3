import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { commandLine } from "../cli/invoke.ts";
import { installed } from "./installed.ts";
import { type ModelServer, startModelServer } from "./model-server.ts";
import { responsesDialect } from "./responses-dialect.ts";
import { CODEX_VERSION, codexSettings } from "./scripted-codex.ts";

/**
 * The real Codex and Slowwave in one home, with a scripted model on loopback. The home lies below the person's own, not in
 * the temporary folder, where Codex's sandbox does not start.
 */
const commands = installed("@openai/codex", CODEX_VERSION);
const real = test.runIf(commands !== null);
const around = realpathSync(mkdtempSync(join(homedir(), "slowwave-real-")));
const SEVEN_HOURS = 7 * 60 * 60;
let model: ModelServer;

beforeAll(async () => {
  model = await startModelServer(responsesDialect);
});

afterAll(async () => {
  await model.close();
  rmSync(around, { recursive: true, force: true });
});

real.each(["v1", "v2"])(
  "a Codex on the home that Slowwave consolidated (memories %s) finds nothing to do, and tells its model what is in it",
  async (version) => {
    const codex = await realHome(version);
    codex.learn("01a20000-926f-75f2-9586-236fad9e57a1", "01a20001-926f-75f2-9586-236fad9e57b2");
    const { json } = commandLine({ env: { SLOWWAVE_CODEX_HOME: codex.home } });
    expect(await json("run")).toMatchObject({ code: 0, value: { status: "succeeded", inputs: 2 } });
    const ours = codex.job();
    codex.memories.prepare("UPDATE jobs SET finished_at = finished_at - ?").run(SEVEN_HOURS);
    model.play({ say: "hello" });
    expect(await codex.say("hello")).toContain("Phase 2 no changes");
    const theirs = codex.job();
    expect(theirs).toEqual({
      ...ours,
      worker_id: expect.any(String),
      ownership_token: expect.any(String),
      started_at: expect.any(Number),
      finished_at: expect.any(Number),
    });
    expect(theirs.worker_id).not.toBe(ours.worker_id);
    expect(model.lastRequest()).toContain("npm test -- --tide");
    expect(readdirSync(codex.root)).not.toContain("phase2_workspace_diff.md");
    const summaries = readdirSync(join(codex.root, "rollout_summaries"));
    expect(summaries).toHaveLength(2);
    expect(readFileSync(join(codex.root, "rollout_summaries", summaries[0] ?? ""), "utf8")).toContain(
      "tide table",
    );
  },
);

real(
  "a session of `codex exec`, which Codex itself never learns, becomes part of its memory by learn",
  async () => {
    const codex = await realHome("v1");
    await codex.say("From now on, always run npm test -- --tide before a commit.");
    const { json } = commandLine({ env: { SLOWWAVE_CODEX_HOME: codex.home } });
    expect(await json("learn", "--idle", "0")).toMatchObject({ code: 0 });
    const ours = codex.memories.prepare("SELECT thread_id, raw_memory FROM stage1_outputs").all();
    expect(ours).toEqual([{ thread_id: expect.any(String), raw_memory: expect.stringContaining("--tide") }]);
    expect(await json("run", "--now")).toMatchObject({ value: { status: "succeeded", inputs: 1 } });
    expect(readFileSync(join(codex.root, "MEMORY.md"), "utf8")).toContain("npm test -- --tide");
  },
);

real(
  "a Codex that consolidates keeps us out while it lives; killed with -9, doctor says so, and --now goes on",
  async () => {
    const codex = await realHome("v2");
    codex.learn("01a20000-926f-75f2-9586-236fad9e57a1");
    const { json } = commandLine({ env: { SLOWWAVE_CODEX_HOME: codex.home } });
    model.play("hang");
    const { child, ended } = codex.started("hello");
    await expect.poll(() => codex.job()?.status, { timeout: 30_000 }).toBe("running");
    const before = codex.job();
    expect(await json("run", "--now")).toMatchObject({ value: { status: "skipped_running" } });
    expect(codex.job()).toEqual(before);
    endGroup(child);
    await ended;
    expect(await json("run")).toMatchObject({ value: { status: "skipped_running" } });
    expect((await json("doctor")).value).toMatchObject({
      checks: expect.arrayContaining([
        expect.objectContaining({ name: "codex", message: expect.stringContaining("whoever did that died") }),
      ]),
    });
    expect(await json("run", "--now")).toMatchObject({ value: { status: "succeeded", inputs: 1 } });
  },
);

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

const RAW = `### Task 1: run the tests\n\nPreference signals:\n- the user said "always run npm test -- --tide before a commit" -> do it\n`;
const SUMMARY = "# The tide table\n\nUser preferences:\n- always run `npm test -- --tide` before a commit\n";

function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** A home in which a real Codex has run once, so that its databases are there. */
async function realHome(version: string) {
  const home = mkdtempSync(join(around, "codex-"));
  const suffix = version === "v2" ? "_v2" : "";
  writeFileSync(join(home, "config.toml"), configuration(model.port, version));
  const started = (text: string) => {
    const env = { ...process.env, CODEX_HOME: home, OPENAI_API_KEY: "sk-planted", TMPDIR: "/var/tmp" };
    const words = ["exec", "--skip-git-repo-check", text];
    const child = spawn(join(commands ?? "", "codex"), words, {
      env,
      cwd: home,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (said: string) => {
      stderr += said;
    });
    onTestFinished(() => endGroup(child));
    return { child, ended: once(child, "close").then(([code]) => ({ code: code as number | null, stderr })) };
  };
  const say = async (text: string) => {
    const { code, stderr } = await started(text).ended;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return stderr;
  };
  model.play({ say: "hello" });
  await say("hello");
  const memories = new Database(join(home, `memories${suffix}_1.sqlite`));
  const state = new Database(join(home, "state_5.sqlite"));
  memories.exec("DELETE FROM jobs");
  const thread = state.prepare("SELECT * FROM threads").get() as Record<string, unknown>;
  return {
    home,
    say,
    started,
    memories,
    root: join(home, `memories${suffix}`),
    job: () =>
      memories.prepare("SELECT * FROM jobs WHERE kind = 'memory_consolidate_global'").get() as Record<
        string,
        unknown
      >,
    /** Rows such as Codex's own phase 1 leaves. */
    learn(...ids: readonly string[]) {
      for (const [at, id] of ids.entries()) {
        const row = { ...thread, id, cwd: "/srv/harbour", rollout_path: `/srv/sessions/${id}.jsonl` };
        const names = Object.keys(row);
        state
          .prepare(
            `INSERT INTO threads (${names.join(", ")}) VALUES (${names.map((name) => `@${name}`).join(", ")})`,
          )
          .run(row);
        memories
          .prepare(
            `INSERT INTO stage1_outputs (thread_id, source_updated_at, raw_memory, rollout_summary, generated_at)
             VALUES (?, ?, ?, ?, ?)`,
          )
          .run(id, now() - 90_000 + at, version === "v2" ? "" : RAW, SUMMARY, now());
      }
    },
  };
}

function configuration(port: number, version: string): string {
  return `${codexSettings(port, 'approval_policy = "never"')}
[features]
memories = true
apps = false
plugins = false
[memories]
version = "${version}"
`;
}
