/**
 * Working on what is due, with others. For the command line and the server; nothing here is promised to hosts.
 */
export { pgBossDispatcher } from "../fleet/pg-boss.ts";
export { createWorker } from "../fleet/worker.ts";
export type { Worker } from "../fleet/worker-api.ts";
