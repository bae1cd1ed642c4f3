import { hash } from "node:crypto";
import type { HostFile } from "../memory-files/host-files.ts";
import type { Check } from "./check.ts";
import { evidenceOf } from "./evidence.ts";
import { suspicionsIn } from "./suspicions.ts";

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
const remembered = new Map<string, boolean>();

/** Summary files of the threads whose notes hold instruction-like text, the newest first. */
export async function suspectInputs(evidence: readonly HostFile[]): Promise<readonly string[]> {
  const suspects: string[] = [];
  let left = MOST_CHARACTERS;
  for (const [path, text] of evidenceOf(evidence).texts) {
    const key = hash("sha256", text, "base64");
    let isSuspect = remembered.get(key);
    if (isSuspect === undefined) {
      if (text.length > left) continue;
      left -= text.length;
      isSuspect = (await suspicionsIn(text)).length > 0;
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      remembered.set(key, isSuspect);
    }
    if (isSuspect) suspects.push(path);
  }
  return suspects;
}
