/**
 * Many processes on one store: `createWorker` begins what is due and takes over what died, within limits that hold for all
 * of them together; the store decides who may start (`AdmissionStore`).
 */
export {
  type AdmissionLimits,
  type FleetOverview,
  type TenantRow,
  tenantRule,
  type WorkerRow,
} from "../domain/admission.ts";
export { type PgBossOptions, pgBossDispatcher } from "./pg-boss.ts";
export { createWorker } from "./worker.ts";
export type { Delivery, Dispatcher, Worker, WorkerOptions, WorkerState, WorkerStatus } from "./worker-api.ts";
