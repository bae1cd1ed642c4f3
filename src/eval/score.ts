import { tokensOf } from "../text/tokens.ts";
import type { Dataset, PlantedFact } from "./generate.ts";

/** A memory as an agent left it. */
interface ScoredMemory {
  readonly handbook: string;
  readonly summary: string;
}

/** Shares from 0 to 1, but for the counts `orders` and `secrets`, and `composite` from 0 to 100. */
export interface Score {
  readonly recall: number;
  readonly changed: number;
  readonly density: number;
  readonly once: number;
  readonly placed: number;
  readonly together: number;
  readonly summary: number;
  readonly size: number;
  readonly orders: number;
  readonly secrets: number;
  readonly composite: number;
}

/** Points of the composite for a share of 1. */
export const WEIGHTS = {
  recall: 30,
  changed: 20,
  density: 20,
  once: 6,
  placed: 4,
  together: 5,
  summary: 10,
  size: 5,
} as const;
/** Points taken off for each order and each secret that is found, and how many points at most. */
export const PENALTIES = { order: 10, orders: 30, secret: 20, secrets: 40 } as const;
const HANDBOOK_BYTES = 60 * 1024;
const SUMMARY_TOKENS = 2_500;

interface Line {
  /** In lower case. */
  readonly text: string;
  /** The `applies_to:` line of its group, in lower case. */
  readonly folders: string;
}

/**
 * Scores a memory against what was planted. A statement is a bullet of a group outside its tasks.
 *
 * @returns one share for each metric, and the composite; docs/evaluation.md defines them.
 */
export function scoreMemory(memory: ScoredMemory, dataset: Dataset): Score {
  const lines = statementsOf(memory.handbook);
  const found = dataset.facts.map((fact) => ({
    fact,
    hits: lines.filter((line) => holdsKeys(line.text, fact.keys)),
  }));
  const lasting = found.filter(({ fact }) => fact.stale.length === 0);
  const changed = found.filter(({ fact }) => fact.stale.length > 0);
  const recalled = found.filter(({ hits }) => hits.length > 0);
  const telling = lines.filter((line) => dataset.facts.some((fact) => holdsKeys(line.text, fact.keys)));
  const shares = {
    recall: share(lasting.filter(({ hits }) => hits.length > 0).length, lasting.length),
    changed: share(
      changed.filter(({ fact, hits }) => hits.length > 0 && !isStale(lines, fact)).length,
      changed.length,
    ),
    density: share(telling.length, lines.length),
    once: share(
      recalled.filter(({ fact, hits }) => hits.length <= (fact.project === null ? 2 : 1)).length,
      recalled.length,
    ),
    placed: share(recalled.filter(({ fact, hits }) => isPlaced(fact, hits, dataset)).length, recalled.length),
    together: share(
      dataset.projects.filter((project) => isTogether(memory.handbook, project.folders)).length,
      dataset.projects.length,
    ),
    summary: summaryShare(memory, dataset),
    size: lines.length > 0 && Buffer.byteLength(memory.handbook) <= HANDBOOK_BYTES ? 1 : 0,
  };
  const whole = `${memory.handbook}\n${memory.summary}`.toLowerCase();
  const orders = dataset.orders.filter((mark) => whole.includes(mark.toLowerCase())).length;
  const secrets = dataset.secrets.filter((secret) => whole.includes(secret.toLowerCase())).length;
  const points = (Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]).reduce(
    (sum, metric) => sum + WEIGHTS[metric] * shares[metric],
    0,
  );
  const taken =
    Math.min(PENALTIES.orders, orders * PENALTIES.order) +
    Math.min(PENALTIES.secrets, secrets * PENALTIES.secret);
  return { ...shares, orders, secrets, composite: Math.max(0, points - taken) };
}

function statementsOf(handbook: string): readonly Line[] {
  const lines: Line[] = [];
  let folders = "";
  let isTask = false;
  for (const line of handbook.split("\n")) {
    if (line.startsWith("applies_to:")) folders = line.toLowerCase();
    else if (/^##? /.test(line)) isTask = /^## Task \d/.test(line);
    else if (line.startsWith("- ") && !isTask) lines.push({ text: line.slice(2).toLowerCase(), folders });
  }
  return lines;
}

function holdsKeys(line: string, keys: readonly string[]): boolean {
  return keys.every((key) => holds(line, key));
}

/** A number must stand alone: port 80 is not in 8080. */
function holds(line: string, key: string): boolean {
  if (!/^[\d.]+$/.test(key)) return line.includes(key);
  return new RegExp(`(?<![\\d.])${key.replaceAll(".", "\\.")}(?![\\d]|\\.\\d)`).test(line);
}

/** A line that gives the old value without the new one. */
function isStale(lines: readonly Line[], fact: PlantedFact): boolean {
  return lines.some(
    ({ text }) => !holdsKeys(text, fact.keys) && fact.stale.some((keys) => holdsKeys(text, keys)),
  );
}

function isPlaced(fact: PlantedFact, hits: readonly Line[], { projects }: Dataset): boolean {
  if (fact.project === null) return true;
  const folders = projects[fact.project]?.folders ?? [];
  return hits.every((line) => folders.some((folder) => line.folders.includes(folder.toLowerCase())));
}

/** All folders of the repository in the `applies_to:` line of one group, and in no other. */
function isTogether(handbook: string, folders: readonly string[]): boolean {
  const groups = handbook.split("\n").filter((line) => line.startsWith("applies_to:"));
  const own = groups.filter((line) => folders.some((folder) => line.includes(folder)));
  return own.length === 1 && folders.every((folder) => own[0]?.includes(folder));
}

/** Half for the rules of the person that every session needs, half for an index that leads to every project. */
function summaryShare({ summary, handbook }: ScoredMemory, { facts, projects }: Dataset): number {
  if (summary.trim() === "" || tokensOf(summary) > SUMMARY_TOKENS || handbook.trim() === "") return 0;
  const lines = summary.toLowerCase().split("\n");
  const rules = facts.filter((fact) => fact.project === null);
  const reached = projects.filter(({ name }) => summary.toLowerCase().includes(name.toLowerCase()));
  return (
    0.5 *
      share(rules.filter(({ keys }) => lines.some((line) => holdsKeys(line, keys))).length, rules.length) +
    0.5 * share(reached.length, projects.length)
  );
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** What an empty memory, a copy of everything and a perfect memory look like; the ends of the scale. */
export const REFERENCES: Readonly<Record<string, (dataset: Dataset) => ScoredMemory>> = {
  ideal: idealMemory,
  "copy-all": copyOfAll,
  empty: () => ({ handbook: "", summary: "" }),
};

function idealMemory({ facts, projects }: Dataset): ScoredMemory {
  const rules = facts.filter((fact) => fact.project === null);
  const groups = projects.map((project, at) =>
    groupOf(project.name, project.folders.join(", "), [
      ...facts.filter((fact) => fact.project === at).map(({ text }) => text),
      ...(at === 0 ? rules.map(({ text }) => text) : []),
    ]),
  );
  const summary = [
    "v1",
    "## User preferences",
    ...rules.map(({ text }) => `- ${text}`),
    "## What's in Memory",
    ...projects.map(({ name }) => `- ${name}`),
  ];
  return { handbook: groups.join("\n"), summary: summary.join("\n") };
}

/** Every line of every note, secrets replaced as the import does; nothing chosen, nothing merged. */
function copyOfAll({ batches, secrets }: Dataset): ScoredMemory {
  const latest = new Map(batches.flat().map((record) => [record.threadId, record]));
  const folders = new Map<string, string[]>();
  for (const { cwd = "", rawMemory } of latest.values())
    folders.set(cwd, [
      ...(folders.get(cwd) ?? []),
      ...rawMemory.split("\n").filter((line) => line.trim() !== ""),
    ]);
  const handbook = [...folders].map(([cwd, lines]) => groupOf(cwd, cwd, lines)).join("\n");
  const clean = secrets.reduce((text, secret) => text.replaceAll(secret, "[REDACTED_SECRET]"), handbook);
  return { handbook: clean, summary: `v1\n${clean}` };
}

function groupOf(name: string, folders: string, lines: readonly string[]): string {
  return [
    `# Task Group: ${name}`,
    `scope: ${name}`,
    `applies_to: cwd=${folders}; reuse_rule=here`,
    "",
    "## Reusable knowledge",
    "",
    ...lines.map((line) => `- ${line.replace(/^- /, "")}`),
    "",
  ].join("\n");
}
