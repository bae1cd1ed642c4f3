import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { ConsolidateInput } from "./consolidate.ts";
import type { SummaryFile } from "./thread.ts";

/** What the workspace holds, read without following links. A file that isn't there is null; a summary that isn't readable is left out. */
export function readWorkspace(root: string): ConsolidateInput & { readonly memory: string | null } {
  return {
    rawMemories: readPlain(join(root, "raw_memories.md")) ?? "",
    summaries: readSummaries(join(root, "rollout_summaries")),
    memory: readPlain(join(root, "MEMORY.md")),
    handEdits: readPlain(join(root, "hand_edits.diff")),
  };
}

/**
 * Replaces a file of the workspace whole: written beside it, renamed over it. A link in its place is replaced, not
 * followed. Not flushed: Node's permission model denies that, and what is published is flushed by the publisher.
 */
export function writeWorkspaceFile(root: string, name: string, text: string): void {
  const target = join(root, name);
  const temporary = join(root, `.${name}.new`);
  rmSync(temporary, { force: true });
  const file = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0),
    0o600,
  );
  try {
    let rest: Uint8Array = Buffer.from(text.toWellFormed());
    while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
  } finally {
    closeSync(file);
  }
  renameSync(temporary, target);
}

function readSummaries(folder: string): readonly SummaryFile[] {
  const names = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith(".md"),
  );
  return names.flatMap(({ name }) => {
    const text = readPlain(join(folder, name));
    return text === null ? [] : [{ name, text }];
  });
}

function readPlain(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ELOOP" || code === "EMLINK") return null;
    throw error;
  }
  try {
    return fstatSync(file).isFile() ? readFileSync(file, "utf8") : null;
  } finally {
    closeSync(file);
  }
}
