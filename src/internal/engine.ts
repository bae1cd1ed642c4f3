/**
 * Running a space: the engine, the operations that need a space for themselves, and the clock of this process.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { clockOf, systemClock } from "../durable/system.ts";
export { checkout, followCheckout } from "../engine/checkout.ts";
export { type Controls, createControls, type PurgedSpaces } from "../engine/controls.ts";
export { createEngine } from "../engine/engine.ts";
export type { Engine, Run } from "../engine/engine-api.ts";
export type { Checkout } from "../memory-files/checkout.ts";
