import type { Manifest } from "../domain/generation.ts";
import type { GateCode } from "../domain/settings.ts";
import { pathText } from "../text/sanitize.ts";
import { type Candidate, type Check, limited, type Remark } from "./candidate.ts";

const MOST_LINES = 500;

/** Agents load a skill by the head of its SKILL.md: name and description must be what the Agent Skills format says. */
export const skillForm: Check = (candidate) =>
  limited(changedSkills(candidate).flatMap((skill) => faultsOf(candidate, skill)));

function faultsOf({ text }: Candidate, skill: string): readonly Remark[] {
  const path = `skills/${skill}/SKILL.md`;
  const content = text(path);
  if (content === null) {
    return [fault("skill_form", path, "is missing", "write it, or remove the folder of the skill")];
  }
  const faults = headFaults(content, skill).map(([what, ask]) => fault("skill_form", path, what, ask));
  const lines = content.split("\n").length;
  if (lines >= MOST_LINES) {
    faults.push(
      fault(
        "skill_too_long",
        path,
        `has ${lines} lines`,
        `shorten it to less than ${MOST_LINES} lines; move details to files beside it`,
      ),
    );
  }
  return faults;
}

function headFaults(content: string, skill: string): readonly (readonly [what: string, ask: string])[] {
  const head = frontMatterOf(content);
  if (head === null) {
    return [["doesn't begin with front matter", "begin with `---`, `name: …`, `description: …`, `---`"]];
  }
  const { name = "", description = "" } = head;
  const faults: [string, string][] = [];
  if (!isName(name)) {
    faults.push(["has no valid name", "name: 1 to 64 of a-z, 0-9 and single hyphens, none at its ends"]);
  } else if (name !== skill) {
    faults.push(["has a name that is not its folder's", "name and folder must be the same"]);
  }
  if (description.trim() === "") faults.push(["has no description", "add `description:` in one line"]);
  else if ([...description].length > 1024) {
    faults.push(["has too long a description", "shorten the description to at most 1024 characters"]);
  }
  return faults;
}

function isName(name: string): boolean {
  return name.length <= 64 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name);
}

function fault(code: GateCode, at: string, what: string, ask: string): Remark {
  const path = pathText(at);
  return { finding: { code, path, message: `${path} ${what}.`, repair: `${path} ${what}: ${ask}.` } };
}

/** New or changed files of skills that could be run are named to the person; those that SKILL.md doesn't name, to the agent. */
export const skillScripts: Check = (candidate) => {
  const before = new Map(candidate.base.manifest.map(({ path, hash }) => [path, hash]));
  const changed = candidate.manifest.filter(({ path, hash }) => before.get(path) !== hash);
  const scripts = changed.map(({ path }) => path).filter((path) => isScript(path, candidate));
  return limited(scripts.flatMap((path) => remarksOn(path, candidate)));
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

/** A skill that is gone may have been retired, but never unseen. */
export const skillsKept: Check = ({ manifest, base }) => {
  const here = new Set(skillsIn(manifest));
  const gone = skillsIn(base.manifest).filter((skill) => !here.has(skill));
  return limited(
    gone.map((skill) => {
      const path = pathText(`skills/${skill}`);
      const message = `The skill ${path} is gone; \`slowwave rollback\` brings it back.`;
      return { finding: { code: "skill_removed", path, message, repair: null } };
    }),
  );
};

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

/**
 * The plain entries at the head of a Markdown file: `key: value`, quoted or not, and folded or literal blocks. Lists and
 * maps are passed over. Null when the file has no such head, or it doesn't end.
 */
export function frontMatterOf(text: string): Readonly<Record<string, string>> | null {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trimEnd() !== "---") return null;
  const end = lines.findIndex((line, at) => at > 0 && line.trimEnd() === "---");
  if (end < 0) return null;
  const entries = new Map<string, string>();
  let block: string | null = null;
  for (const line of lines.slice(1, end)) {
    const entry = /^([A-Za-z][\w-]{0,60}):(?:\s+(.*))?$/.exec(line);
    if (entry === null) {
      if (block !== null && /^\s/.test(line)) {
        entries.set(block, `${entries.get(block)} ${line.trim()}`.trim());
      }
      continue;
    }
    const [, key = "", value = ""] = entry;
    block = /^[>|][+-]?\s*$/.test(value) ? key : null;
    entries.set(key, block === null ? plain(value) : "");
  }
  return Object.fromEntries(entries);
}

function plain(value: string): string {
  const quoted = /^"(.*)"\s*$|^'(.*)'\s*$/.exec(value);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? "";
  return value.replace(/\s+#.*$/, "").trim();
}
