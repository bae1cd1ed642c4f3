/** Phase 1 without a model: what was read from a session becomes its evidence, and the evidence a note. */

export {
  EVIDENCE_LIMITS,
  type Evidence,
  type EvidenceLimits,
  type EvidenceRow,
  gatherEvidence,
  type NotedSession,
} from "./evidence.ts";
export { type Extraction, extractNote } from "./extract-note.ts";
