/** Phase 1 without a model: what was read from a session becomes its evidence, and the evidence a note. */

export {
  type Evidence,
  type EvidenceRow,
  gatherEvidence,
  type NotedSession,
} from "./evidence.ts";
export { type Extraction, extractNote } from "./extract-note.ts";
