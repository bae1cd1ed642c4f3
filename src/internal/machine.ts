/**
 * The statechart: its definition, its formats, and replaying it from a log.
 * For the command line and the server; nothing here is promised to hosts.
 */

export type { Effect } from "../durable/effects.ts";
export { dotted, type Step, transitionsOf } from "../durable/transition.ts";
export { structureHash } from "../durable/versions.ts";
export { mermaid, scxml, statelySource } from "../machines/formats.ts";
export { PHASE1_VERSION, phase1Machine } from "../machines/phase1.ts";
export { PHASE2_VERSION, phase2Machine } from "../machines/phase2.ts";
export { type Drawing, svg } from "../machines/svg.ts";
