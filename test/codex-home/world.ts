import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { commandLine, type Invoked, temporaryFolder } from "../cli/invoke.ts";

export type Version = "v1" | "v2";

/** A session as Codex keeps it, with the output of its stage 1; absent `raw`: the output is blank. */
export interface Session {
  readonly id: string;
  readonly ageDays?: number;
  readonly raw?: string;
  readonly summary?: string;
  readonly mode?: "enabled" | "disabled" | "polluted";
  readonly usage?: readonly [count: number, ageDays: number];
}

export interface FakeCodex extends Invoked {
  readonly folder: string;
  readonly root: string;
  readonly lockFile: string;
  readonly memories: Database.Database;
  readonly job: () => unknown;
  setJob(columns: Readonly<Record<string, unknown>>): void;
  /** The same surroundings, but for the words that name the Codex home. */
  without(): Invoked;
  file(name: string, text: string): string;
  /** Every text that git keeps of the memory folder. */
  history(): string;
  add(...sessions: readonly Session[]): void;
  /** What Codex would find when it starts: the log of its baseline, and what differs from it. */
  baseline(): { readonly log: string; readonly changes: string };
}

export const NOW = Math.floor(Date.now() / 1000);
const DAY = 86_400;

/** Tables with the columns that Codex 0.169 makes, and a folder such as it leaves before its first consolidation. */
export function fakeCodex(version: Version = "v1", configuration = ""): FakeCodex {
  const around = realpathSync(temporaryFolder());
  const folder = join(around, "codex");
  const suffix = version === "v2" ? "_v2" : "";
  const root = join(folder, `memories${suffix}`);
  mkdirSync(join(root, ".codex-baseline", ".git"), { recursive: true });
  mkdirSync(join(root, "extensions", "ad_hoc"), { recursive: true });
  writeFileSync(join(root, "extensions", "ad_hoc", "instructions.md"), "# Ad-hoc notes\n");
  writeFileSync(join(root, "phase2_workspace_diff.md"), "# Memory Workspace Diff\n");
  writeFileSync(join(folder, "config.toml"), `[memories]\nversion = "${version}"\n${configuration}`);
  const memories = new Database(join(folder, `memories${suffix}_1.sqlite`));
  const state = new Database(join(folder, "state_5.sqlite"));
  onTestFinished(() => {
    memories.close();
    state.close();
  });
  memories.pragma("journal_mode = wal");
  memories.exec(MEMORY_TABLES);
  state.exec(THREADS);
  return {
    ...commandLine({ env: { SLOWWAVE_CODEX_HOME: folder } }, around),
    without: () => commandLine({}, around),
    file: (name, text) => {
      writeFileSync(join(around, name), text);
      return join(around, name);
    },
    folder,
    root,
    lockFile: join(folder, `memories${suffix}.lock`),
    memories,
    job: () => memories.prepare("SELECT * FROM jobs WHERE kind = 'memory_consolidate_global'").get() ?? null,
    setJob: (columns) => {
      memories
        .prepare(
          `INSERT INTO jobs (kind, job_key, status, worker_id, ownership_token, finished_at, lease_until, retry_at, last_error,
             retry_remaining, input_watermark, last_success_watermark)
           VALUES ('memory_consolidate_global', 'global', @status, 'w', 't', @finished_at, @lease_until, @retry_at,
             @last_error, 3, 0, 0)`,
        )
        .run({ lease_until: null, retry_at: null, last_error: null, finished_at: null, ...columns });
    },
    add: (...sessions) => {
      for (const session of sessions) addSession({ memories, state, version }, session);
    },
    history: () => git(root, "log", "--all", "--reflog", "-p"),
    baseline: () => ({
      log: git(root, "log", "--format=%an <%ae> %s").trim(),
      changes: git(root, "status", "--porcelain", "--ignored"),
    }),
  };
}

/** Holds Codex's lock as a Codex at work does, until the returned function is called. */
export async function heldByCodex(lockFile: string): Promise<() => Promise<void>> {
  const child = spawn("flock", [lockFile, "sh", "-c", "echo held && exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return async () => {
    child.stdin.end();
    await ended;
  };
}

export function threadId(number: number): string {
  return `01a20000-926f-75f2-9586-${String(number).padStart(12, "0")}`;
}

/** A session that says how the tests of a project are run. */
export function session(number: number, more: Partial<Session> = {}): Session {
  return {
    id: threadId(number),
    raw: `### Task 1: run the tests\n\nPreference signals:\n- the user said "always run npm test -- --part${number} before a commit" -> do it\n`,
    summary: `# Tests of part ${number}\n\nThe tests of part ${number} need PORT=81${number}0.\n`,
    ...more,
  };
}

function addSession(
  { memories, state, version }: { memories: Database.Database; state: Database.Database; version: Version },
  { id, ageDays = 1, raw = "", summary = "", mode = "enabled", usage }: Session,
): void {
  const updated = NOW - Math.round(ageDays * DAY);
  state
    .prepare("INSERT OR REPLACE INTO threads VALUES (?, ?, '/srv/shop', 'main', ?)")
    .run(id, `/srv/sessions/${id}.jsonl`, mode);
  memories
    .prepare(
      `INSERT OR REPLACE INTO stage1_outputs (thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
         usage_count, last_usage) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      id,
      updated,
      version === "v1" ? raw : "",
      summary,
      updated,
      usage?.[0] ?? null,
      usage === undefined ? null : NOW - usage[1] * DAY,
    );
}

function git(root: string, ...words: readonly string[]): string {
  return execFileSync("git", ["-c", "safe.directory=*", ...words], { cwd: root, encoding: "utf8" });
}

const MEMORY_TABLES = `
  CREATE TABLE stage1_outputs (thread_id TEXT PRIMARY KEY, source_updated_at INTEGER NOT NULL, raw_memory TEXT NOT NULL,
    rollout_summary TEXT NOT NULL, rollout_slug TEXT, generated_at INTEGER NOT NULL, usage_count INTEGER, last_usage INTEGER,
    selected_for_phase2 INTEGER NOT NULL DEFAULT 0, selected_for_phase2_source_updated_at INTEGER);
  CREATE TABLE jobs (kind TEXT NOT NULL, job_key TEXT NOT NULL, status TEXT NOT NULL, worker_id TEXT, ownership_token TEXT,
    started_at INTEGER, finished_at INTEGER, lease_until INTEGER, retry_at INTEGER, retry_remaining INTEGER NOT NULL,
    last_error TEXT, input_watermark INTEGER, last_success_watermark INTEGER, PRIMARY KEY (kind, job_key));
  CREATE TABLE consolidation_progress (singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    max_thread_count INTEGER NOT NULL DEFAULT 0);
  INSERT INTO consolidation_progress VALUES (1, 0);`;

const THREADS =
  "CREATE TABLE threads (id TEXT PRIMARY KEY, rollout_path TEXT NOT NULL, cwd TEXT NOT NULL, git_branch TEXT, memory_mode TEXT NOT NULL DEFAULT 'enabled');";
