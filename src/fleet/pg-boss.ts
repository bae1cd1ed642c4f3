import { SlowwaveError } from "../domain/failure.ts";
import type { Dispatcher } from "./worker-api.ts";

/** What of pg-boss is used; written down here so that the public types need none of its own. */
interface Boss {
  on(event: "error", listener: (error: Error) => void): unknown;
  start(): Promise<unknown>;
  stop(options?: { graceful?: boolean; close?: boolean }): Promise<void>;
  createQueue(name: string, options: object): Promise<void>;
  send(name: string, data: object, options: object): Promise<string | null>;
  fetch(name: string, options: { batchSize: number }): Promise<readonly { id: string; data: unknown }[]>;
  complete(name: string, id: string, data: object): Promise<unknown>;
  fail(name: string, id: string, data: object): Promise<unknown>;
}

export interface PgBossOptions {
  /** The database of the store: what is admitted and what is sent are one transaction. */
  readonly url: string;
  /** The schema of pg-boss's own tables. Default `pgboss`. */
  readonly schema?: string;
  /** Default `slowwave-due`. */
  readonly queue?: string;
  /** What pg-boss reports beside its answers. */
  readonly onError?: (error: Error) => void;
}

/** As long as pg-boss lets a job be active: its end is the run's. */
const LONGEST_HOURS = 23;
/** A job that is over stays for whoever looks at the dashboard. */
const KEPT_SECONDS = 24 * 60 * 60;

type Query = (sql: string, values?: readonly unknown[]) => Promise<{ readonly rows: readonly unknown[] }>;

/**
 * Carries admitted spaces by pg-boss, with its dashboard: one job a space (policy `exclusive`), never repeated by the queue,
 * since the space's own row knows of retries. A space whose job of before is still there is not sent again, and the worker
 * that admitted it works on it itself. Needs the package `pg-boss`; rejects with `pg_boss_missing`.
 *
 * ```ts
 * const dispatcher = await pgBossDispatcher({ url });
 * const worker = createWorker({ engine, store, dispatcher });
 * ```
 */
export async function pgBossDispatcher({
  url,
  schema = "pgboss",
  queue = "slowwave-due",
  onError = () => {},
}: PgBossOptions): Promise<Dispatcher> {
  const { PgBoss } = await load();
  const boss = new PgBoss({
    connectionString: url,
    schema,
    schedule: false,
    max: 2,
    application_name: "slowwave pg-boss",
  });
  boss.on("error", onError);
  return {
    name: "pg-boss",
    start: async () => {
      await boss.start();
      await boss.createQueue(queue, {
        policy: "exclusive",
        retryLimit: 0,
        expireInSeconds: LONGEST_HOURS * 60 * 60,
        deleteAfterSeconds: KEPT_SECONDS,
      });
    },
    send: async (admitted, transaction) => {
      const query = transaction as Query;
      const db = {
        executeSql: async (text: string, values: unknown[] = []) => ({
          rows: (await query(text, values)).rows as never[],
        }),
      };
      const sent: string[] = [];
      for (const { space, tenant } of admitted) {
        const id = await boss.send(queue, { space, tenant }, { singletonKey: space, db });
        if (id !== null) sent.push(space);
      }
      return sent;
    },
    fetch: async (count) => {
      if (count <= 0) return [];
      const jobs = await boss.fetch(queue, { batchSize: count });
      return jobs.map(({ id, data }) => ({
        space: String((data as { space?: unknown }).space),
        done: async ({ run, status }) => {
          const isFailed = status.startsWith("failed_");
          await (isFailed
            ? boss.fail(queue, id, { run, status })
            : boss.complete(queue, id, { run, status }));
        },
      }));
    },
    stop: () => boss.stop({ graceful: false, close: true }),
  };
}

async function load(): Promise<{ readonly PgBoss: new (options: object) => Boss }> {
  try {
    return (await import("pg-boss")) as unknown as { PgBoss: new (options: object) => Boss };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SlowwaveError(
      "pg_boss_missing",
      "The package pg-boss is not installed here; run `npm install pg-boss`, or go without: workers find what is due by themselves.",
      { cause: error },
    );
  }
}
