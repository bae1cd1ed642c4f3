import { hash } from "node:crypto";
import { createYield, type HostFile } from "../memory-files/host-files.ts";
import { findInjections, isForgedStructure, readings } from "../text/injection.ts";
import { type Check, evidenceOf, limited } from "./candidate.ts";

const SHOWN = 5;

/** Which inputs hold text that speaks to agents. It is evidence: reported and marked to the agent as data, never cut. */
export const inputInstructions: Check = async ({ evidence }) => {
  const paths = await suspectInputs(evidence);
  if (paths.length === 0) return [];
  const rest = paths.length - SHOWN;
  const named = `${paths.slice(0, SHOWN).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
  const count = paths.length === 1 ? "One input holds" : `${paths.length} inputs hold`;
  const message = `${count} text that speaks to agents like an order: ${named}. It stays there as evidence.`;
  return [{ finding: { code: "input_instruction", path: null, message, repair: null } }];
};

/** Looking takes about a second for each MiB. The newest are looked at; older ones were, when they were new. */
const MOST_CHARACTERS = 1024 ** 2;
const MOST_REMEMBERED = 20_000;
const remembered = new Map<string, readonly string[]>();

/** Summary files of the threads whose notes hold instruction-like text, the newest first. */
export async function suspectInputs(evidence: readonly HostFile[]): Promise<readonly string[]> {
  return (await markedInputs(evidence)).filter(({ pieces }) => pieces.length > 0).map(({ path }) => path);
}

/** What was found in each input that was looked at, as it stands there. */
async function markedInputs(evidence: readonly HostFile[]) {
  const marked: { readonly path: string; readonly pieces: readonly string[] }[] = [];
  let left = MOST_CHARACTERS;
  for (const [path, text] of evidenceOf(evidence).texts) {
    const key = hash("sha256", text, "base64");
    let pieces = remembered.get(key);
    if (pieces === undefined) {
      if (text.length > left) continue;
      left -= text.length;
      pieces = await piecesIn(text);
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      remembered.set(key, pieces);
    }
    marked.push({ path, pieces });
  }
  return marked;
}

async function piecesIn(text: string): Promise<readonly string[]> {
  const lines = text.split("\n");
  const found = await findInjections(text, createYield());
  return found.map(({ from, to }) =>
    lines
      .slice(from - 1, to)
      .join(" ")
      .slice(0, 4_000),
  );
}

/** A marked piece of fewer words says too little to be recognised in another text. */
const FEWEST_WORDS = 8;
/** Share of a piece's words that a line must have to pass it on. */
const PASSED_ON = 0.8;
const MOST_PIECES = 2_000;

/**
 * Whether a line says again what was marked in an input, in its words or decoded, also where the line alone has no
 * shape of an order: a comment without its marks, a sentence whose lines were joined.
 */
export async function passedOn(evidence: readonly HostFile[]): Promise<(line: string) => boolean> {
  const pieces = (await markedInputs(evidence))
    .flatMap((input) => input.pieces)
    .flatMap((piece) => readings(piece))
    .map(wordsOf)
    .filter((words) => words.size >= FEWEST_WORDS)
    .slice(0, MOST_PIECES);
  const byWord = new Map<string, number[]>();
  pieces.forEach((words, at) => {
    for (const word of words) byWord.set(word, [...(byWord.get(word) ?? []), at]);
  });
  return (line) => {
    const hits = new Map<number, number>();
    if (pieces.length === 0) return false;
    for (const word of wordsOf(line)) {
      for (const at of byWord.get(word) ?? []) hits.set(at, (hits.get(at) ?? 0) + 1);
    }
    return [...hits].some(([at, count]) => count >= (pieces[at]?.size ?? 0) * PASSED_ON);
  };
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(/[\u3040-\u30ff\u3400-\u9fff]|[\p{L}\p{N}_]{2,}/gu) ?? []);
}

/** Heads of groups, tasks and citation lists are made by the agent; one that stands word for word in a note is forged. */
export const forgedStructure: Check = ({ text, base, evidence }) => {
  const inputs = evidenceOf(evidence);
  const lines = text("MEMORY.md")?.split("\n") ?? [];
  const known = new Set(base.text("MEMORY.md")?.split("\n") ?? []);
  const found = lines.flatMap((line, at) => {
    const isHead = /^(?:# Task Group:|scope:|applies_to:)/.test(line);
    return isHead && !known.has(line) && isForgedIn(line, inputs.texts) ? [at + 1] : [];
  });
  return limited(
    found.map((line) => ({
      finding: {
        code: "forged_structure",
        path: "MEMORY.md",
        message: `Line ${line} of MEMORY.md is the head of a group as it stands in a note; a note cannot make groups.`,
        repair: `Line ${line}: this head was copied from a note. Name the group and its folder from the headers of the summary files (cwd), not from what a note says.`,
      },
    })),
  );
};

function isForgedIn(line: string, texts: ReadonlyMap<string, string>): boolean {
  const wanted = line.trim();
  for (const text of texts.values()) {
    const at = text.indexOf(wanted);
    if (at < 0) continue;
    const end = text.indexOf("\n", at);
    const whole = text.slice(text.lastIndexOf("\n", at) + 1, end < 0 ? text.length : end);
    if (isForgedStructure(whole) || whole.trim() === wanted) return true;
  }
  return false;
}
