import type { RunEvent, RunResult } from "../../src/domain/event.ts";
import type { JobRow } from "../../src/domain/job.ts";
import { structureHash } from "../../src/durable/versions.ts";
import { wholeLog } from "../../src/engine/result.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { filesOf, type OriginalWorld, START_MS } from "./world.ts";

/** The original prefixes every progress text with this. */
const PREFIX = "memory startup: ";

/** What one stretch of work did to the world, as text that a person can read and a test can compare. */
export interface Transcript {
  /** From here on: what was there before is what the next `tell` compares with. */
  tell(heading: string, work: () => Promise<unknown>): Promise<void>;
  text(): string;
}

export function transcript(title: string, world: OriginalWorld): Transcript {
  const parts = [`# ${title}\n`];
  return {
    async tell(heading, work) {
      const before = { row: await world.row(), files: await filesOf(world.root), told: world.told.length };
      await work();
      const told = world.told.slice(before.told);
      parts.push(
        section(heading, told.map(lineOf)),
        section("noted on the way", await notesOf(world, told)),
        section("job", columns(before.row, await world.row())),
        section("files", changes(before.files, await filesOf(world.root))),
      );
    },
    text: () =>
      renumbered(parts.join("\n"))
        .replaceAll(world.home, "<home>")
        // Changes with every edit of the machine.
        .replaceAll(structureHash(phase2Machine), "<structure>"),
  };
}

/** Tokens name temporary files too, so that their numbers have gaps: here they count those that are seen. */
function renumbered(text: string): string {
  const seen: string[] = [];
  return text.replace(/\btoken-\d+/g, (token) => {
    if (!seen.includes(token)) seen.push(token);
    return `token-${seen.indexOf(token) + 1}`;
  });
}

function section(heading: string, lines: readonly string[]): string {
  return `## ${heading}\n${lines.map((line) => `${line}\n`.replace(/[ ]+\n$/, "\n")).join("")}`;
}

function lineOf(event: RunEvent): string {
  return `${time(event.atMs)}  ${sentenceOf(event)}`;
}

function sentenceOf(event: RunEvent): string {
  switch (event.type) {
    case "run.started":
      return `${event.run} ${event.adopted ? "is taken over" : "begins"}`;
    case "state.entered":
      return `→ ${event.state}    (${event.event})`;
    case "status.counted":
      return `  counted ${event.status}`;
    case "inputs.counted":
      return `  counted inputs: ${event.inputs}`;
    case "progress":
      return `  ${PREFIX}${event.text}`;
    case "run.finished":
      return `${event.run} is over${resultOf(event.result)}`;
    default:
      return event.type;
  }
}

function resultOf(result: RunResult): string {
  const { outcome, status, reason, inputs, generation, files, agent, findings } = result;
  const facts: Readonly<Record<string, unknown>> = {
    outcome,
    status,
    message: reason?.message,
    cause: reason?.cause ?? undefined,
    inputs,
    watermarks: `claimed ${result.claimedWatermark}, completed ${result.completionWatermark}`,
    generation,
    files: `${files.added.length} added, ${files.modified.length} modified, ${files.deleted.length} deleted`,
    agent: agent === null ? null : `${agent.name}, ${agent.status}, turns ${agent.turns}`,
    findings: findings.length,
  };
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `\n                ${name}: ${value}`)
    .join("");
}

/** Heartbeats, the agent's words and the gate's findings have no fixed place among the commits, so they stand apart. */
async function notesOf({ store }: OriginalWorld, told: readonly RunEvent[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const run of new Set(told.map((event) => event.run))) {
    const notes = (await wholeLog(store.runs, run)).filter(
      // Counted in bytes, of a prompt that names temporary folders.
      ({ sequence, type }) => sequence === null && type !== "budget.used",
    );
    const beats = notes.filter(({ type }) => type === "lease.renewed").length;
    if (beats > 0) lines.push(`heartbeats: ${beats}`);
    for (const { type, data } of notes) {
      if (type !== "lease.renewed") lines.push(`${type}: ${noteOf(data)}`);
    }
  }
  return lines;
}

function noteOf(data: string): string {
  const { code, path, text, name, usage, why } = JSON.parse(data) as Record<string, unknown>;
  if (usage !== undefined) return JSON.stringify(usage);
  return [code, path, name, text, why].filter((part) => part !== undefined && part !== null).join(" ");
}

function columns(before: JobRow | null, after: JobRow | null): readonly string[] {
  if (after === null) return ["(none)"];
  return (Object.keys(after) as (keyof JobRow)[])
    .filter((column) => column !== "kind" && column !== "job_key")
    .map((column) => {
      const [was, is] = [before?.[column] ?? null, after[column]].map((value) => cell(column, value));
      return `${column}: ${was === is ? is : `${was} → ${is}`}`;
    });
}

const MOMENTS = new Set(["started_at", "finished_at", "lease_until", "retry_at"]);

function cell(column: string, value: string | number | null): string {
  return typeof value === "number" && MOMENTS.has(column) ? time(value * 1_000) : String(value);
}

/** Since the beginning of the world. */
function time(atMs: number): string {
  const seconds = Math.floor((atMs - START_MS) / 1_000);
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** The host's files with their texts, since their form is the original's; of the agent's only that they changed. */
function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  const lines = paths.flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    if (is === undefined) return [`- ${path}`];
    if (was === is) return [`  ${path}`];
    const isHosts = path === "raw_memories.md" || path.startsWith("rollout_summaries/");
    const text = isHosts ? is.replace(/\n$/, "").split("\n") : [];
    return [`${was === undefined ? "+" : "~"} ${path}`, ...text.map((line) => `    | ${line}`)];
  });
  return lines.length === 0 ? ["(none)"] : lines;
}
