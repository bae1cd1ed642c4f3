/**
 * Stage-1 outputs from JSONL.
 * For the command line and the server; nothing here is promised to hosts.
 */
export {
  isSqlite,
  type Rejection,
  readStage1,
  type Stage1File,
  TRANSCRIPT_HEAD_BYTES,
  transcriptIn,
} from "../import/stage1-file.ts";
