import { pathText } from "../text/sanitize.ts";
import { type Candidate, type Check, type Remark, told } from "./check.ts";

/** New or changed files of skills that could be run are named to the person; those that SKILL.md doesn't name, to the agent. */
export const skillScripts: Check = (candidate) => {
  const before = new Map(candidate.base.manifest.map(({ path, hash }) => [path, hash]));
  const changed = candidate.manifest.filter(({ path, hash }) => before.get(path) !== hash);
  const scripts = changed.map(({ path }) => path).filter((path) => isScript(path, candidate));
  return told(scripts.flatMap((path) => remarksOn(path, candidate)));
};

function remarksOn(path: string, { text }: Candidate): readonly Remark[] {
  const [folder = "", skill = "", ...inner] = path.split("/");
  const shown = pathText(path);
  const manual = text(`${folder}/${skill}/SKILL.md`) ?? "";
  const message = `${shown} is a script that the agent wrote; read it before anybody runs it.`;
  const remarks: Remark[] = [{ finding: { code: "skill_script", path: shown, message, repair: null } }];
  if (!manual.includes(inner.join("/"))) {
    remarks.push({
      finding: {
        code: "skill_script_unlisted",
        path: shown,
        message: `${shown} is not named in the SKILL.md of its skill.`,
        repair: `Name ${pathText(inner.join("/"))} in skills/${pathText(skill)}/SKILL.md and say what it does, or remove it.`,
      },
    });
  }
  return remarks;
}

const EXTENSION = /\.(?:sh|bash|zsh|fish|py|rb|pl|js|mjs|cjs|ts|mts|php|lua|ps1|bat|cmd|awk)$/i;

function isScript(path: string, { text }: Candidate): boolean {
  if (!path.startsWith("skills/")) return false;
  if (path.split("/")[2] === "scripts" || EXTENSION.test(path)) return true;
  return text(path)?.startsWith("#!") ?? false;
}
