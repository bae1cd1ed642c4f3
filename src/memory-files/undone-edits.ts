import type { Finding, Manifest } from "../domain/generation.ts";
import { flatten, isBlank, linesOf, outlineOf } from "../text/outline.ts";
import { pathText, plainText } from "../text/sanitize.ts";
import { fieldOf, plain } from "./hand-blocks.ts";
import { isHostPath } from "./host-files.ts";
import { matchParts } from "./match-parts.ts";
import { type ReadBlob, textOf } from "./memory-edits.ts";

const NAMED = 3;
const LETTERS = 80;

/**
 * What a person took out of a memory and what stands in it again, because a memory can't be without it: headings, the
 * fields and evidence of a group, whole files, and everything in the files that the host makes. One finding a file.
 *
 * @param before the version that the person changed, `edited` what they made of it, `result` what is about to be published
 */
export async function undoneEdits(
  { before, edited, result }: Readonly<Record<"before" | "edited" | "result", Manifest>>,
  blob: ReadBlob,
): Promise<readonly Finding[]> {
  const [now, next] = [hashesOf(edited), hashesOf(result)];
  const findings: Finding[] = [];
  for (const { path, hash } of before) {
    const [own, final] = [now.get(path), next.get(path)];
    if (own === hash || final === undefined || final === own) continue;
    if (own === undefined) findings.push(rewritten(path));
    else if (isHostPath(path)) findings.push(made(path));
    else {
      const [was, is, stands] = await Promise.all([hash, own, final].map((one) => textOf(blob, one)));
      if (was == null || is == null || stands == null) continue;
      const lines = undoneLines(was, is, stands);
      if (lines.length > 0) findings.push(restored(path, lines));
    }
  }
  return findings;
}

function hashesOf(manifest: Manifest): ReadonlyMap<string, string> {
  return new Map(manifest.map(({ path, hash }) => [path, hash]));
}

/** Lines that the first text has, the second has no more, and the third has again; each once. */
export function undoneLines(before: string, edited: string, result: string): readonly string[] {
  const [was, is, stands] = [before, edited, result].map((text) =>
    outlineOf(linesOf(text).map((line) => ({ text: line, edit: null }))),
  );
  if (was === undefined || is === undefined || stands === undefined) return [];
  const [had, has, will] = [countsOf(flatten(was)), countsOf(flatten(is)), countsOf(flatten(stands))];
  const count = (counts: ReadonlyMap<string, number>, key: string) => counts.get(key) ?? 0;
  const lines = new Set(
    flatten(was)
      .filter(({ text }) => {
        const key = keyOf(text);
        return count(had, key) > count(has, key) && count(will, key) > count(has, key);
      })
      .map(({ text }) => text),
  );
  // The text of a field changes from run to run, so it is looked for where it belongs.
  const [kept, final] = [matchParts(was, is).parts, matchParts(was, stands).parts];
  for (const part of was.parts) {
    const fieldsOf = (one: typeof part | undefined) =>
      one?.body.map((line, at) => fieldOf(one, line, at)) ?? [];
    for (const [at, line] of part.body.entries()) {
      const field = fieldOf(part, line, at);
      const isThere = count(has, keyOf(line.text)) >= count(had, keyOf(line.text));
      if (field === null || isThere || fieldsOf(kept.get(part)).includes(field)) continue;
      if (fieldsOf(final.get(part)).includes(field)) lines.add(line.text);
    }
  }
  return [...lines];
}

function countsOf(lines: readonly { readonly text: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    if (isBlank(line)) continue;
    const key = keyOf(line.text);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function keyOf(text: string): string {
  return /^\s*[-*+] .*?(rollout_summaries\/[^\s()`"'\],;]+\.md)/.exec(text)?.[1] ?? plain(text);
}

function restored(path: string, lines: readonly string[]): Finding {
  const shown = lines.slice(0, NAMED).map((line) => `"${plainText(line, LETTERS)}"`);
  const more = lines.length > NAMED ? ` and ${lines.length - NAMED} more` : "";
  const what = lines.length === 1 ? "A line that was" : `${lines.length} lines that were`;
  return finding(
    path,
    `${what} taken out of ${pathText(path)} by hand ${lines.length === 1 ? "is" : "are"} there again, since what stands below or beside needs ${lines.length === 1 ? "it" : "them"}: ${shown.join(", ")}${more}. Take that out, too, or forget a session with \`slowwave purge\`.`,
  );
}

function rewritten(path: string): Finding {
  const what = isHostPath(path)
    ? "it is made from the notes of the sessions; `slowwave purge` forgets one"
    : "a memory can't be without it";
  return finding(path, `${pathText(path)} was deleted by hand and is there again: ${what}.`);
}

function made(path: string): Finding {
  return finding(
    path,
    `What was changed by hand in ${pathText(path)} is undone: it is made from the notes of the sessions. Write into MEMORY.md, or forget a session with \`slowwave purge\`.`,
  );
}

function finding(path: string, message: string): Finding {
  return { code: "edit_undone", severity: "warn", path: pathText(path), message, repair: null };
}
