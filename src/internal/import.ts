/**
 * Stage-1 outputs from JSONL.
 * For the command line and the server; nothing here is promised to hosts.
 */
export type { Rejection } from "../import/lines.ts";
export { readStage1, type Stage1File } from "../import/stage1-file.ts";
export { isSqlite, TRANSCRIPT_HEAD_BYTES, transcriptIn } from "../import/transcript.ts";
