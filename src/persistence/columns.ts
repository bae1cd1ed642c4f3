import type { JobRow } from "../domain/job.ts";
import type { SessionRow } from "../domain/session.ts";

/** The columns of `jobs` that make a `JobRow`, in every database. */
export const JOB_COLUMNS = [
  "kind",
  "job_key",
  "status",
  "worker_id",
  "ownership_token",
  "started_at",
  "finished_at",
  "lease_until",
  "retry_at",
  "retry_remaining",
  "last_error",
  "input_watermark",
  "last_success_watermark",
  "fence",
] as const satisfies readonly (keyof JobRow)[];

/** Column of `sessions` and field, in the order of the table. */
export const SESSION_FIELDS = {
  space: "space",
  key: "key",
  agent: "agent",
  root: "root",
  path: "path",
  fingerprint: "fingerprint",
  updated_at: "updatedAt",
  changed_at: "changedAt",
  bytes: "bytes",
  said_at: "saidAt",
  first_at: "firstAt",
  cwd: "cwd",
  project: "project",
  branch: "branch",
  version: "version",
  headless: "headless",
  parent: "parent",
  persons: "persons",
  tools: "tools",
  verdict: "verdict",
  verdict_until: "verdictUntil",
  verdict_at: "verdictAt",
  note_hash: "noteHash",
} as const satisfies Record<string, keyof SessionRow>;
