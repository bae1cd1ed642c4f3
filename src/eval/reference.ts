import type { Dataset } from "./generate.ts";
import type { ScoredMemory } from "./score.ts";

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
