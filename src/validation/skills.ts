import type { Manifest } from "../domain/generation.ts";
import type { Candidate } from "./check.ts";

/** Names of the skills a manifest has files of. */
export function skillsIn(manifest: Manifest): readonly string[] {
  const names = manifest.map(({ path }) => path.split("/")).filter(([first]) => first === "skills");
  return [...new Set(names.map(([, name = ""]) => name))];
}

/** Skills with a file that is not as in the base; what was there before, a person's included, is not judged again. */
export function changedSkills({ manifest, base }: Candidate): readonly string[] {
  const before = new Map(base.manifest.map(({ path, hash }) => [path, hash]));
  const here = new Set(manifest.map(({ path }) => path));
  const changed = manifest.filter(({ path, hash }) => before.get(path) !== hash);
  const headless = skillsIn(manifest).filter((skill) => !here.has(`skills/${skill}/SKILL.md`));
  return [
    ...new Set([...skillsIn(changed), ...headless.filter((skill) => before.has(`skills/${skill}/SKILL.md`))]),
  ];
}
