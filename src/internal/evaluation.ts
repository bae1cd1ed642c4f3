/** The benchmark and the reading of a memory's origins. For the command line; nothing here is promised to hosts. */
export { type Dataset, generateDataset } from "../eval/generate.ts";
export { REFERENCES, type Score, scoreMemory } from "../eval/score.ts";
export { throughTranscripts } from "../eval/transcripts.ts";
export { explainLine, type LineOrigin } from "../extractive/origins.ts";
export { readWorkspace } from "../extractive/workspace.ts";
