import Database from "better-sqlite3";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { Settled } from "../domain/job.ts";
import type { CodexHome } from "./home.ts";

/** A stage-1 output of Codex with what its thread says; times in Unix seconds. */
export interface CodexOutput {
  readonly thread_id: string;
  readonly source_updated_at: number;
  readonly raw_memory: string;
  readonly rollout_summary: string;
  readonly rollout_slug: string | null;
  readonly generated_at: number;
  readonly rollout_path: string;
  readonly cwd: string;
  readonly git_branch: string | null;
}

/** A stage-1 output without what its thread says. */
export type CodexStage1 = Omit<CodexOutput, "rollout_path" | "cwd" | "git_branch">;

/** The one row of Codex's own consolidation, in its columns. */
export interface CodexJob {
  readonly status: string;
  readonly worker_id: string | null;
  readonly ownership_token: string | null;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly lease_until: number | null;
  readonly retry_at: number | null;
  readonly retry_remaining: number;
  readonly last_error: string | null;
  readonly input_watermark: number | null;
  readonly last_success_watermark: number | null;
}

export interface CodexClaim {
  readonly token: string;
  readonly worker: string;
  readonly leaseSeconds: number;
  readonly nowSeconds: number;
  /** A person's wish: ignores backoff and cooldown, and the lease of an owner that is known to be dead. */
  readonly force: boolean;
}

/** `before`: the row as it was; null when there was none. `isNew`: false when this token held it already. */
export type CodexClaimed = { readonly before: CodexJob | null; readonly isNew: boolean };

const COOLDOWN_SECONDS = 6 * 60 * 60;
const RETRIES = 3;
const PATIENCE_MS = 5_000;
const SECONDS_OF_A_DAY = 86_400;
const GLOBAL = "kind = 'memory_consolidate_global' AND job_key = 'global'";
const MINE = `${GLOBAL} AND status = 'running' AND ownership_token = @token`;

/**
 * The tables of a Codex home, read and written by Codex's own rules (newest form: `codex-phase2.md` sections 2 and 3). Its
 * job row has no fence: every write names the token. Throws `store_busy` when another program holds the database for
 * longer than 5 s, and `codex_home_unknown` when a table has another form.
 */
export class CodexTables {
  readonly #memories: Database.Database;
  readonly #state: Database.Database;
  readonly #home: CodexHome;

  constructor(home: CodexHome) {
    this.#home = home;
    this.#memories = opened(home.memories, false);
    // What is forgotten or replaced must not stay in free pages.
    this.#do(() => this.#memories.pragma("secure_delete = on"));
    this.#state = opened(home.state, true);
  }

  close(): void {
    this.#memories.close();
    this.#state.close();
  }

  job(): CodexJob | null {
    return this.#do(
      () => this.#memories.prepare(`SELECT * FROM jobs WHERE ${GLOBAL}`).get() ?? null,
    ) as CodexJob;
  }

  /** Section 2.3. Why not, or what the row was. */
  claim(request: CodexClaim): CodexClaimed | "running" | "backing-off" | "cooling-down" {
    const { token, worker, leaseSeconds, nowSeconds, force } = request;
    return this.#write(() => {
      const before = this.job();
      const isOurs = before?.status === "running" && before.ownership_token === token;
      const why = isOurs || before === null ? null : refusal(before, nowSeconds, force);
      if (why !== null) return why;
      const values = { token, worker, started: nowSeconds, until: nowSeconds + leaseSeconds };
      this.#memories
        .prepare(
          `INSERT INTO jobs (kind, job_key, status, worker_id, ownership_token, started_at, lease_until,
             retry_remaining, input_watermark, last_success_watermark)
           VALUES ('memory_consolidate_global', 'global', 'running', @worker, @token, @started, @until, ${RETRIES}, 0, 0)
           ON CONFLICT (kind, job_key) DO UPDATE SET status = 'running', worker_id = @worker, ownership_token = @token,
             started_at = @started, finished_at = NULL, lease_until = @until, retry_at = NULL, last_error = NULL`,
        )
        .run(values);
      return { before: isOurs ? null : before, isNew: !isOurs };
    });
  }

  /** Section 2.4; false when the row is no longer this token's. */
  renew(token: string, leaseUntil: number): boolean {
    return this.#changes(`UPDATE jobs SET lease_until = @leaseUntil WHERE ${MINE}`, { token, leaseUntil });
  }

  /** Section 2.5, with the marks on what was consolidated: only where the row is still the one that was read. */
  succeed(by: {
    readonly token: string;
    readonly watermark: number;
    readonly consolidated: readonly { readonly threadId: string; readonly sourceUpdatedAt: number }[];
    readonly nowSeconds: number;
  }): Settled {
    const { token, watermark, consolidated, nowSeconds } = by;
    return this.#write(() => {
      const isDone = this.#changes(
        `UPDATE jobs SET status = 'done', finished_at = @nowSeconds, lease_until = NULL, last_error = NULL,
           last_success_watermark = max(coalesce(last_success_watermark, 0), @watermark) WHERE ${MINE}`,
        { token, watermark, nowSeconds },
      );
      if (!isDone) return this.#settledBefore(token, "done");
      this.#memories
        .prepare(
          `UPDATE stage1_outputs SET selected_for_phase2 = 0, selected_for_phase2_source_updated_at = NULL
           WHERE selected_for_phase2 <> 0 OR selected_for_phase2_source_updated_at IS NOT NULL`,
        )
        .run();
      const mark = this.#memories.prepare(
        `UPDATE stage1_outputs SET selected_for_phase2 = 1, selected_for_phase2_source_updated_at = source_updated_at
         WHERE thread_id = ? AND source_updated_at = ?`,
      );
      for (const { threadId, sourceUpdatedAt } of consolidated) mark.run(threadId, sourceUpdatedAt);
      this.#memories
        .prepare("UPDATE consolidation_progress SET max_thread_count = max(max_thread_count, ?)")
        .run(consolidated.length);
      return "applied";
    });
  }

  /** Section 2.6, the strict form. */
  fail(by: {
    readonly token: string;
    readonly reason: string;
    readonly retryAt: number;
    readonly nowSeconds: number;
  }): Settled {
    return this.#write(() =>
      this.#changes(
        `UPDATE jobs SET status = 'error', finished_at = @nowSeconds, lease_until = NULL, retry_at = @retryAt,
           last_error = @reason, retry_remaining = max(retry_remaining - 1, 0) WHERE ${MINE}`,
        by,
      )
        ? "applied"
        : this.#settledBefore(by.token, "error"),
    );
  }

  /** Gives the row back as it was before the claim; where that is not known, as one that waits. */
  release(token: string, before: CodexJob | null): void {
    const back = before ?? {
      status: "pending",
      worker_id: null,
      ownership_token: token,
      started_at: null,
      finished_at: null,
      lease_until: null,
      retry_at: null,
      last_error: null,
    };
    this.#write(() =>
      this.#changes(
        `UPDATE jobs SET status = @status, worker_id = @worker_id, ownership_token = @ownership_token,
           started_at = @started_at, finished_at = @finished_at, lease_until = @lease_until, retry_at = @retry_at,
           last_error = @last_error WHERE ${MINE}`,
        { ...back, token },
      ),
    );
  }

  /**
   * What Codex itself would consolidate now (section 3): not blank, of a thread with memory enabled, used or made within the
   * window; the most used and newest of them.
   */
  selection(nowSeconds: number, limit: number = this.#home.maxInputs): readonly CodexOutput[] {
    const cutoff = nowSeconds - this.#home.maxUnusedDays * SECONDS_OF_A_DAY;
    return this.#do(() => {
      const rows = this.#memories
        .prepare(
          `SELECT thread_id, source_updated_at, raw_memory, rollout_summary, rollout_slug, generated_at FROM stage1_outputs
           WHERE (trim(raw_memory) <> '' OR trim(rollout_summary) <> '')
             AND coalesce(last_usage, source_updated_at) >= ?
           ORDER BY coalesce(usage_count, 0) DESC, coalesce(last_usage, source_updated_at) DESC,
             source_updated_at DESC, thread_id DESC`,
        )
        .all(cutoff) as CodexStage1[];
      const thread = this.#state.prepare(
        "SELECT rollout_path, cwd, git_branch FROM threads WHERE id = ? AND memory_mode = 'enabled'",
      );
      const chosen: CodexOutput[] = [];
      for (const row of rows) {
        if (chosen.length >= limit) break;
        const found = thread.get(row.thread_id) as
          | Pick<CodexOutput, "rollout_path" | "cwd" | "git_branch">
          | undefined;
        if (found !== undefined) chosen.push({ ...row, ...found });
      }
      return chosen;
    });
  }

  /** Whether exactly these outputs, as they are now, are the ones that were consolidated last. */
  isConsolidated(outputs: readonly Pick<CodexOutput, "thread_id" | "source_updated_at">[]): boolean {
    const marked = this.#do(
      () =>
        this.#memories
          .prepare(
            `SELECT thread_id FROM stage1_outputs
             WHERE selected_for_phase2 = 1 AND selected_for_phase2_source_updated_at = source_updated_at`,
          )
          .all() as { readonly thread_id: string }[],
    );
    const ids = new Set(marked.map(({ thread_id }) => thread_id));
    return ids.size === outputs.length && outputs.every(({ thread_id }) => ids.has(thread_id));
  }

  /** Puts texts that were freed of secrets into an output that has not changed since. */
  replaceTexts(
    output: Pick<CodexOutput, "thread_id" | "source_updated_at" | "raw_memory" | "rollout_summary">,
  ): void {
    this.#changes(
      `UPDATE stage1_outputs SET raw_memory = @raw_memory, rollout_summary = @rollout_summary
       WHERE thread_id = @thread_id AND source_updated_at = @source_updated_at`,
      output,
    );
    this.#emptyLog();
  }

  /** Removes an output. Its stage-1 job stays, so that Codex does not read the session again. */
  forget(threadId: string): void {
    this.#changes("DELETE FROM stage1_outputs WHERE thread_id = @threadId", { threadId });
    this.#emptyLog();
  }

  /** The write-ahead log holds former texts, too. While a Codex reads, its own next checkpoint empties it. */
  #emptyLog(): void {
    this.#do(() => this.#memories.pragma("wal_checkpoint(TRUNCATE)"));
  }

  /**
   * Writes what was learned of a session that Codex itself did not learn, as its own phase 1 does (section 2.1): output, job
   * and the wish to consolidate in one transaction. `running`: a Codex is learning the session at this moment. `unknown`:
   * Codex knows no such session, or learns nothing of it.
   */
  record(output: CodexStage1, nowSeconds: number): "recorded" | "unchanged" | "running" | "unknown" {
    const { thread_id: id, source_updated_at: updated } = output;
    return this.#write(() => {
      const thread = this.#state
        .prepare("SELECT 1 FROM threads WHERE id = ? AND memory_mode = 'enabled'")
        .get(id);
      if (thread === undefined) return "unknown";
      const job = this.#memories
        .prepare("SELECT * FROM jobs WHERE kind = 'memory_stage1' AND job_key = ?")
        .get(id) as CodexJob | undefined;
      if (job?.status === "running" && (job.lease_until ?? 0) > nowSeconds) return "running";
      const isWritten = this.#changes(
        `INSERT INTO stage1_outputs (thread_id, source_updated_at, raw_memory, rollout_summary, rollout_slug, generated_at)
         VALUES (@thread_id, @source_updated_at, @raw_memory, @rollout_summary, @rollout_slug, @generated_at)
         ON CONFLICT (thread_id) DO UPDATE SET source_updated_at = @source_updated_at, raw_memory = @raw_memory,
           rollout_summary = @rollout_summary, rollout_slug = @rollout_slug, generated_at = @generated_at
         WHERE source_updated_at < @source_updated_at`,
        output,
      );
      if (!isWritten) return "unchanged";
      this.#changes(
        `INSERT INTO jobs (kind, job_key, status, finished_at, retry_remaining, input_watermark, last_success_watermark)
         VALUES ('memory_stage1', @id, 'done', @nowSeconds, ${RETRIES}, @updated, @updated)
         ON CONFLICT (kind, job_key) DO UPDATE SET status = 'done', finished_at = @nowSeconds, lease_until = NULL,
           retry_at = NULL, retry_remaining = ${RETRIES}, last_error = NULL, input_watermark = @updated,
           last_success_watermark = @updated`,
        { id, updated, nowSeconds },
      );
      this.#enqueue(updated);
      return "recorded";
    });
  }

  /** Section 2.1: any new output makes the consolidation due and ends its backoff. */
  #enqueue(watermark: number): void {
    this.#changes(
      `INSERT INTO jobs (kind, job_key, status, retry_remaining, input_watermark, last_success_watermark)
       VALUES ('memory_consolidate_global', 'global', 'pending', ${RETRIES}, @watermark, 0)
       ON CONFLICT (kind, job_key) DO UPDATE SET
         status = CASE status WHEN 'running' THEN status ELSE 'pending' END,
         retry_at = CASE status WHEN 'running' THEN retry_at ELSE NULL END,
         retry_remaining = max(retry_remaining, ${RETRIES}),
         input_watermark = CASE WHEN @watermark > coalesce(input_watermark, 0) THEN @watermark
           ELSE coalesce(input_watermark, 0) + 1 END`,
      { watermark },
    );
  }

  #settledBefore(token: string, status: string): Settled {
    const row = this.job();
    return row?.ownership_token === token && row.status === status ? "already" : "lost";
  }

  #changes(sql: string, values: object): boolean {
    return this.#do(() => this.#memories.prepare(sql).run(values).changes > 0);
  }

  #write<Result>(work: () => Result): Result {
    return this.#do(() => this.#memories.transaction(work).immediate());
  }

  #do<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw asStoreError(error, this.#home.memories);
    }
  }
}

/** The order of tests is Codex's. An owner without its lock is dead, whatever its lease says; only a person may say so. */
function refusal(
  row: CodexJob,
  now: number,
  force: boolean,
): "running" | "backing-off" | "cooling-down" | null {
  if (force) return null;
  if ((row.retry_at ?? 0) > now) return "backing-off";
  if (row.status === "running" && (row.lease_until ?? 0) > now) return "running";
  const isCooling = row.last_error === null && (row.finished_at ?? 0) > now - COOLDOWN_SECONDS;
  return isCooling ? "cooling-down" : null;
}

function opened(file: string, readonly: boolean): Database.Database {
  try {
    return new Database(file, { readonly, fileMustExist: true, timeout: PATIENCE_MS });
  } catch (error) {
    throw asStoreError(error, file);
  }
}

function asStoreError(error: unknown, file: string): SlowwaveError {
  if (error instanceof SlowwaveError) return error;
  const isBusy = /^SQLITE_BUSY/.test(String((error as { code?: unknown }).code));
  return isBusy
    ? new SlowwaveError("store_busy", `${file} is held by another program; try again.`, { cause: error })
    : new SlowwaveError(
        "codex_home_unknown",
        `${file} is not as Codex 0.169 keeps it (${causeOf(error)}); use a Codex that this Slowwave knows.`,
        { cause: error },
      );
}
