import { pathText } from "../text/sanitize.ts";
import { type Check, told } from "./check.ts";
import { skillsIn } from "./skills.ts";

/** A skill that is gone may have been retired, but never unseen. */
export const skillsKept: Check = ({ manifest, base }) => {
  const here = new Set(skillsIn(manifest));
  const gone = skillsIn(base.manifest).filter((skill) => !here.has(skill));
  return told(
    gone.map((skill) => {
      const path = pathText(`skills/${skill}`);
      const message = `The skill ${path} is gone; \`slowwave rollback\` brings it back.`;
      return { finding: { code: "skill_removed", path, message, repair: null } };
    }),
  );
};
