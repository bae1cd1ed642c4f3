import { createHash } from "node:crypto";
import type { Fact } from "./facts.ts";
import { dayOf, type Group } from "./groups.ts";
import { cutAtWord } from "./prose.ts";
import { compare, type Thread } from "./thread.ts";

/** A procedure that several sessions repeated, as `skills/<name>/SKILL.md`. */
export interface Skill {
  readonly name: string;
  readonly text: string;
}

/** A sequence of commands with everybody who used it. */
interface Procedure {
  readonly commands: readonly string[];
  /** The fullest wording. */
  readonly wording: string;
  readonly threads: readonly Thread[];
}

/** From so many sessions on, a procedure is a skill. */
const FEWEST_SESSIONS = 3;
const MOST_SKILLS = 20;
const MOST_CITED = 3;

/**
 * The same commands in the same order in three sessions of one project become a skill, whatever the words around them.
 * Names depend on project and commands alone, so that a further session changes no other skill.
 */
export function skillsOf(groups: readonly Group[]): readonly Skill[] {
  const taken = new Set<string>();
  const skills = groups.flatMap((group) =>
    proceduresIn(group).map((procedure) => {
      const name = nameOf(group, procedure, taken);
      taken.add(name);
      return { name, text: skillText(name, group, procedure) };
    }),
  );
  return skills.slice(0, MOST_SKILLS);
}

function proceduresIn({ facts }: Group): readonly Procedure[] {
  const found = Map.groupBy(
    facts.filter(({ text }) => commandsIn(text).length >= 2),
    ({ text }) => commandsIn(text).join("\n"),
  );
  return [...found]
    .map(([key, own]) => ({
      commands: key.split("\n"),
      wording: own.reduce((one, other) => (other.worth > one.worth ? other : one)).text,
      threads: threadsOf(own),
    }))
    .filter(({ threads }) => threads.length >= FEWEST_SESSIONS)
    .sort((a, b) => compare(a.commands.join("\n"), b.commands.join("\n")));
}

function threadsOf(facts: readonly Fact[]): readonly Thread[] {
  const byId = new Map(facts.flatMap(({ threads }) => threads.map((thread) => [thread.id, thread] as const)));
  return [...byId.values()].sort((a, b) => a.time - b.time || compare(a.id, b.id));
}

/** Code spans that are run: a program with arguments, or a script. A denied one ("never `x`") is no step. */
function commandsIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`([^`\n]{2,100})`/g)].map((match) => ({
    code: (match[1] ?? "").trim(),
    before: text.slice(Math.max(0, match.index - 24), match.index),
  }));
  if (spans.some(({ before }) => DENIED.test(before))) return [];
  return spans.map(({ code }) => code).filter((code) => COMMAND.test(code));
}

const DENIED =
  /\b(?:not|never|instead of|rather than|n['’]t|nicht|nie|statt|jamais|pas|nunca|no)\s+(?:\S+\s+)?$/i;
const COMMAND = /^(?:[a-z][\w.-]*|\.{0,2}\/[\w./-]+)(?:\s+[^\s={}()<>;|][^{}()<>;|]*)$|^\.{1,2}\/[\w./-]+$/;

function nameOf({ project }: Group, { commands }: Procedure, taken: ReadonlySet<string>): string {
  const words = [project.family.split("/").at(-1) ?? "", ...(commands.at(-1) ?? "").split(/[\s:/.]+/)];
  const slug = words
    .map((word) => word.toLowerCase().replace(/[^a-z0-9]+/g, "-"))
    .join("-")
    .replace(/-+/g, "-")
    .slice(0, 58)
    .replace(/^-|-$/g, "");
  const base = slug === "" ? "procedure" : slug;
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}

function skillText(name: string, { project }: Group, { commands, wording, threads }: Procedure): string {
  const folders = project.folders.filter((folder) => folder !== "").slice(0, 3);
  const place = folders.length === 0 ? "where these programs are" : `in ${folders.join(", ")}`;
  const body = [
    `# ${cutAtWord(commands.join(", then "), 90)}`,
    "",
    "## When to use",
    "",
    `${wording} This holds ${place}.`,
    "",
    "## Steps",
    "",
    ...commands.map((command, at) => `${at + 1}. \`${command}\``),
    "",
    "## Verify",
    "",
    "Each command ends without an error; stop at the first that does not and look into the sessions below.",
    "",
    "## Evidence",
    "",
    ...threads
      .slice(-MOST_CITED)
      .map(
        ({ file, id, time }) => `- rollout_summaries/${file} (updated_at=${dayOf(time)}, thread_id=${id})`,
      ),
    "",
  ];
  const description = cutAtWord(`${project.family}: ${commands.join(", then ")}`, 300);
  const text = body.join("\n");
  const head = ["---", `name: ${name}`, `description: ${JSON.stringify(description)}`];
  return [...head, `${MARK}${digestOf(text)}`, "---", "", text].join("\n");
}

const MARK = "metadata:\n  slowwave-extractive: ";

/** Whether the consolidator wrote the skill as it stands; one that the person changed is theirs, and never touched. */
export function isOurSkill(text: string): boolean {
  const at = text.indexOf(MARK);
  const end = text.indexOf("\n---\n\n", at);
  if (at < 0 || end < 0) return false;
  return text.slice(at + MARK.length, end) === digestOf(text.slice(end + "\n---\n\n".length));
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
