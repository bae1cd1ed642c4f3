/**
 * Learning from the sessions of coding agents: phase 1, its sources, and which project a folder is of.
 * For the command line and the server; nothing here is promised to hosts.
 */
export {
  createLearner,
  type Learner,
  type Preview,
} from "../engine/learner.ts";
export { extractNote, gatherEvidence } from "../extraction/index.ts";
export { lookAround, type Source } from "../learning/look.ts";
export { READERS, type Surroundings, transcriptAt } from "../transcripts/index.ts";
