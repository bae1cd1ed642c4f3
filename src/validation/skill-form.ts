import type { GateCode } from "../domain/gate.ts";
import { pathText } from "../text/sanitize.ts";
import { type Candidate, type Check, type Remark, told } from "./check.ts";
import { frontMatterOf } from "./front-matter.ts";
import { changedSkills } from "./skills.ts";

const MOST_LINES = 500;

/** Agents load a skill by the head of its SKILL.md: name and description must be what the Agent Skills format says. */
export const skillForm: Check = (candidate) =>
  told(changedSkills(candidate).flatMap((skill) => faultsOf(candidate, skill)));

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
