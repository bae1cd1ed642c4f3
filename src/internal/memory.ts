/**
 * Reading the memory folder and its generations.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { storedBlob } from "../memory-files/blobs.ts";
export {
  aheadMessage,
  checkRoot,
  type Edits,
  editsSince,
  type Integrity,
  inspectGenerations,
  unknownGeneration,
} from "../memory-files/check-root.ts";
export { compare, type FileDiff, headerOf } from "../memory-files/compare.ts";
export { generationNamed } from "../memory-files/generation-names.ts";
