import { readableText } from "../text/sanitize.ts";
import type { Project } from "./group.ts";
import type { Handbook } from "./handbook.ts";
import { noProject } from "./handbook.ts";
import { partsOf } from "./session.ts";
import { compare, type Thread } from "./thread.ts";

/** One project a folder, spelled exactly as it is: folders that differ only in case may be different ones. */
export function projectsOf(
  threads: readonly Thread[],
  memories: ReadonlyMap<string, string>,
  base: Handbook,
): readonly Project[] {
  const byFolder = new Map<string, Thread[]>();
  for (const thread of threads) byFolder.set(thread.cwd, [...(byFolder.get(thread.cwd) ?? []), thread]);
  const families = familiesOf([...byFolder.keys()].sort(compare), base);
  return [...byFolder].map(([cwd, own]) => ({
    cwd,
    family: families.get(cwd) ?? cwd,
    threads: own,
    parts: own.flatMap((thread) => partsOf(thread, memories.get(thread.id))),
  }));
}

/** A short name for each folder, its last two parts, more where two would share it. A name given before stays. */
function familiesOf(folders: readonly string[], base: Handbook): ReadonlyMap<string, string> {
  const families = new Map<string, string>();
  const taken = new Set<string>();
  const before = new Map(
    base.groups.flatMap((group) =>
      group.cwd === null || group.family === "" ? [] : [[group.cwd, group.family] as const],
    ),
  );
  for (const cwd of folders) {
    const family = before.get(cwd);
    if (family === undefined || taken.has(family.toLowerCase())) continue;
    families.set(cwd, family);
    taken.add(family.toLowerCase());
  }
  for (const cwd of folders) {
    if (families.has(cwd)) continue;
    const names = readableText(cwd)
      .split(/[/\\]+/)
      .filter((name) => name !== "");
    let family = names.length === 0 ? (cwd === "" ? noProject : cwd) : "";
    for (
      let count = 2;
      count <= Math.max(names.length, 2) && (family === "" || taken.has(family.toLowerCase()));
      count++
    )
      family = names.slice(-count).join("/");
    if (taken.has(family.toLowerCase())) family = cwd;
    families.set(cwd, family);
    taken.add(family.toLowerCase());
  }
  return families;
}
