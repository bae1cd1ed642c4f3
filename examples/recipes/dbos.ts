/**
 * Phase 2 as a DBOS workflow: one step for each actor of the machine. DBOS decides when a space runs; the claim in
 * Slowwave's store decides whether it may.
 *
 *   npm install slowwave @dbos-inc/dbos-sdk pg
 *
 *   const worker = await startWorker({ store, agent, home: "/var/lib/slowwave", systemDatabaseUrl, executorID: "worker-1" });
 *   const { status } = await (await worker.consolidate("acme/shop")).getResult();
 *
 * DBOS goes on with the workflows of a dead worker when a worker starts under the **same** `executorID`: give each place
 * of your deployment a name that stays (the ordinal of a StatefulSet, a host name), and the folder `home` with it.
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { type AgentRunner, createPhase2Steps, type Store } from "slowwave";

export interface WorkerOptions {
  readonly store: Store;
  readonly agent: AgentRunner;
  readonly home: string;
  /** DBOS's own database, beside the store. */
  readonly systemDatabaseUrl: string;
  readonly executorID: string;
  /** Runs at once in this worker, and in all of them together. */
  readonly workerConcurrency?: number;
  readonly concurrency?: number;
}

export async function startWorker(options: WorkerOptions) {
  const { store, agent, home, systemDatabaseUrl, executorID } = options;
  const { workerConcurrency = 8, concurrency = 400 } = options;
  const phase2 = await createPhase2Steps({ store, agent, home });
  DBOS.setConfig({
    name: "slowwave",
    systemDatabaseUrl,
    executorID,
    // DBOS goes on with workflows of the same version only: raise it when steps change, after the old ones are done.
    applicationVersion: "1",
    logLevel: "warn",
  });
  const workflow = DBOS.registerWorkflow(
    async (space: string) => {
      const { run, status, generation, cause } = await phase2.run({ space }, (name, work) =>
        DBOS.runStep(work, { name }),
      );
      return { run, status, generation, cause };
    },
    { name: "consolidate" },
  );
  await DBOS.launch();
  await DBOS.registerQueue("spaces", { workerConcurrency, concurrency, onConflict: "always_update" });
  return {
    /** A space that is queued or running is not queued twice: the second call gets the first one's workflow. */
    consolidate: (space: string) =>
      DBOS.startWorkflow(workflow, {
        queueName: "spaces",
        enqueueOptions: { deduplicationID: space },
        duplicationPolicy: "return-existing",
      })(space),
    async close(): Promise<void> {
      await DBOS.shutdown();
      await phase2.close();
    },
  };
}
