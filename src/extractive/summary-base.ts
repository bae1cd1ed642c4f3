import { readableText } from "../text/sanitize.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { isProfileLine } from "./profile.ts";

/** What the user wrote into the last summary: bullets that don't name their project in brackets, as ours do. */
export interface ByHand {
  readonly profile: readonly string[];
  readonly preferences: readonly string[];
  readonly tips: readonly string[];
}

export function byHandIn(summary: string): ByHand {
  const found: Record<string, string[]> = {};
  // A summary of another agent has no such marks: any of its lines may come from a session.
  if (!summary.split("\n", 40).some(isProfileLine)) return { profile: [], preferences: [], tips: [] };
  let section = "";
  for (const line of withoutShapedSecrets(readableText(summary)).split("\n").slice(1)) {
    if (/^#{1,6} /.test(line)) section = line.startsWith("## ") ? line.slice(3).trim() : "";
    else if (line.trim() !== "" && section !== "") found[section] = [...(found[section] ?? []), line.trim()];
  }
  const own = (lines: readonly string[] | undefined) =>
    (lines ?? []).filter((line) => line !== "Nothing recorded yet.");
  const bullets = (lines: readonly string[] | undefined) =>
    own(lines).filter((line) => line.startsWith("- ") && !/ \[[^\]]+\]$/.test(line));
  return {
    profile: own(found["User Profile"]).filter((line) => !isProfileLine(line)),
    preferences: bullets(found["User preferences"]),
    tips: bullets(found["General Tips"]),
  };
}
