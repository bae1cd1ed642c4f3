import { SlowwaveError } from "../domain/failure.ts";
import type { Folder } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { MARK } from "./memory-path.ts";

/** The owner of a memory root. */
export interface RootOwner {
  readonly home: string;
  readonly space: string;
}

/** What is written in the one file of ours that stays in a memory root. */
export interface Mark extends RootOwner {
  /** The generation that the folder was last brought to; what differs from it was changed since, by somebody else. */
  readonly generation?: string;
  /** A digest of the foreign things that were reported once. */
  readonly reported?: string;
}

const LIMIT = 4096;

/** Null when there is none. Rejects with `root_mark_invalid` when something else bears the name. */
export async function readMark(root: Folder): Promise<Mark | null> {
  const read = await root.read(MARK, LIMIT);
  if (read.kind === "missing") return null;
  const mark = read.kind === "file" ? parseMark(Buffer.from(read.content).toString()) : null;
  if (mark !== null) return mark;
  throw new SlowwaveError(
    "root_mark_invalid",
    `The file ${MARK} in ${pathText(root.path)} is not one of ours; move it away and run again.`,
  );
}

export function markText({ home, space, generation, reported }: Mark): string {
  return `${JSON.stringify({ home, space, generation, reported })}\n`;
}

/** Rejects when the mark names another home or another space. */
export function assertOurs(path: string, found: RootOwner, wanted: RootOwner): void {
  if (found.home !== wanted.home) {
    throw new SlowwaveError(
      "root_other_home",
      `The memory folder ${pathText(path)} belongs to another Slowwave home; use that home, or another folder with --memory-root.`,
    );
  }
  if (found.space !== wanted.space) {
    throw new SlowwaveError(
      "root_other_space",
      `The memory folder ${pathText(path)} belongs to the space "${pathText(found.space)}"; use another folder with --memory-root.`,
    );
  }
}

function parseMark(text: string): Mark | null {
  try {
    const value = JSON.parse(text) as Partial<Mark> | null;
    if (typeof value?.home !== "string" || typeof value.space !== "string") return null;
    const { home, space, generation, reported } = value;
    return {
      home,
      space,
      ...(typeof generation === "string" ? { generation } : {}),
      ...(typeof reported === "string" ? { reported } : {}),
    };
  } catch {
    return null;
  }
}
