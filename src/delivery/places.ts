import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, lstat, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { Files } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { draftOf, replaceFile } from "./projections.ts";

/** A file of an agent as it stands now. */
export interface Place {
  /** Where it really is: edits go through the links of a dotfiles folder, and never replace one. */
  readonly path: string;
  /** Null: there is no file. */
  readonly text: string | null;
  readonly mode: number;
}

const MOST_BYTES = 8 * 1024 ** 2;

/**
 * Reads a place that is to be written. Rejects with `connection_in_the_way` for anything that is not one ordinary text file,
 * and with `connection_read_only` where it can't be written; in sentences that say what to do, nothing touched.
 */
export async function readPlace(files: Files, named: string): Promise<Place> {
  const path = await resolved(named);
  const facts = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw notReadable(path, error);
  });
  if (facts === null) {
    await assertWritable(await nearestFolder(dirname(path)), path);
    return { path, text: null, mode: 0o600 };
  }
  if (!facts.isFile()) throw inTheWay(path, "is not an ordinary file");
  if (facts.nlink > 1) throw inTheWay(path, "has a second name (a hard link), which a change would cut off");
  if (facts.size > MOST_BYTES) throw inTheWay(path, "is larger than 8 MB");
  await assertWritable(dirname(path), path);
  if ((facts.mode & 0o200) === 0) throw readOnly(path);
  const bytes = await contentOf(files, path);
  return { path, text: decoded(bytes, path), mode: facts.mode & 0o7777 };
}

/** The same without asking whether it may be written; null when it can't be read as a text. */
export async function peek(files: Files, path: string): Promise<string | null | "unreadable"> {
  try {
    const bytes = await contentOf(files, path);
    return decoded(bytes, path);
  } catch (error) {
    return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR" ? null : "unreadable";
  }
}

/** Replaces the file, or removes it for null, unless it changed since it was read. */
export async function writePlace(
  files: Files,
  { path, text: before, mode }: Place,
  text: string | null,
): Promise<void> {
  if (text === before) return;
  const parent = dirname(path);
  if (text !== null) await files.makeFolders(parent);
  const folder = await files.open(`${parent}/.`);
  try {
    const now = await peek(files, path);
    if (now !== before) {
      throw new SlowwaveError(
        "connection_changed",
        `${pathText(path)} was changed by another program just now; do it again.`,
      );
    }
    if (text === null) await folder.remove(basename(path));
    else await replaceFile(folder, basename(path), Buffer.from(text), { mode });
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What a killed process left beside a file that it was replacing. */
export async function sweepDraft(files: Files, path: string): Promise<void> {
  try {
    const folder = await files.open(`${dirname(path)}/.`);
    try {
      await folder.remove(draftOf(basename(path)));
    } finally {
      await folder.close();
    }
  } catch {
    // Where there is no folder there is no draft.
  }
}

/** Folders of these that are empty, the deepest first. */
export async function removeEmptyFolders(files: Files, folders: readonly string[]): Promise<void> {
  for (const path of [...folders].sort((a, b) => b.length - a.length)) {
    try {
      const parent = await files.open(`${dirname(path)}/.`);
      try {
        await parent.removeFolder(basename(path));
      } finally {
        await parent.close();
      }
    } catch {
      // One that is gone, or that others use, is not ours to tell of.
    }
  }
}

/** Folders that have to be made for this file, the outermost first. */
export async function missingFolders(path: string): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let at = dirname(path); dirname(at) !== at; at = dirname(at)) {
    if (
      await lstat(at).then(
        () => true,
        () => false,
      )
    )
      break;
    missing.unshift(at);
  }
  return missing;
}

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function resolved(path: string): Promise<string> {
  const facts = await lstat(path).catch(() => null);
  try {
    if (facts?.isSymbolicLink() === true) return await realpath(path);
    return join(
      await realpath(await nearestFolder(dirname(path))),
      path.slice((await nearestFolder(dirname(path))).length),
    );
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ELOOP")
      throw inTheWay(path, "is a link that leads nowhere");
    throw notReadable(path, error);
  }
}

async function nearestFolder(folder: string): Promise<string> {
  let at = folder;
  while (
    dirname(at) !== at &&
    !(await lstat(at).then(
      () => true,
      () => false,
    ))
  )
    at = dirname(at);
  return at;
}

async function contentOf(files: Files, path: string): Promise<Uint8Array> {
  const folder = await files.open(`${dirname(path)}/.`);
  try {
    const read = await folder.read(basename(path), MOST_BYTES);
    if (read.kind === "missing") throw Object.assign(new Error("It is not there."), { code: "ENOENT" });
    if (read.kind !== "file") throw inTheWay(path, "is not an ordinary file");
    return read.content;
  } finally {
    await folder.close();
  }
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw inTheWay(path, "is not a text in UTF-8");
  }
}

async function assertWritable(folder: string, path: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw readOnly(path, error);
  }
}

function inTheWay(path: string, why: string): SlowwaveError {
  return new SlowwaveError(
    "connection_in_the_way",
    `${pathText(path)} ${why}; move it away or mend it, then connect again. Nothing was touched.`,
  );
}

function readOnly(path: string, cause?: unknown): SlowwaveError {
  return new SlowwaveError(
    "connection_read_only",
    `${pathText(path)} can't be written; change its permissions or its folder's, then do it again. Nothing was touched.`,
    { cause },
  );
}

function notReadable(path: string, cause: unknown): SlowwaveError {
  return new SlowwaveError(
    "connection_in_the_way",
    `${pathText(path)} can't be read; mend that, then do it again.`,
    {
      cause,
    },
  );
}
