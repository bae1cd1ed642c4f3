import { type Consolidated, type ConsolidateInput, consolidate } from "../../src/extractive/consolidate.ts";

/** A stage-1 output, as short as a test can say it. */
export interface Session {
  readonly id: string;
  /** Days after 2026-01-01; also the minute, so that no two are equal by accident. */
  readonly day: number;
  readonly cwd?: string;
  readonly memory?: string;
  readonly recap?: string;
  /** As a transcript's name has it, `2026-01-03T10-00-00`; default: a name without a time. */
  readonly started?: string;
}

function updatedAt({ day }: Session): string {
  return new Date(Date.UTC(2026, 0, 1 + day, 10)).toISOString().replace(".000Z", "+00:00");
}

export function fileOf(session: Session): string {
  return `${updatedAt(session).slice(0, 19).replaceAll(":", "-")}-${session.id.padStart(4, "0").slice(0, 4)}.md`;
}

function pathOf({ id, started }: Session): string {
  return started === undefined ? `/r/${id}.jsonl` : `/r/rollout-${started}-${id}.jsonl`;
}

/** The workspace files of sessions as the host writes them, latest first. */
export function inputOf(sessions: readonly Session[], handEdits: string | null = null): ConsolidateInput {
  const latestFirst = [...sessions].sort((a, b) => (updatedAt(a) < updatedAt(b) ? 1 : -1));
  const header = (session: Session) => `updated_at: ${updatedAt(session)}\n`;
  const memories = latestFirst.map(
    (session) =>
      `## Thread \`${session.id}\`\n${header(session)}cwd: ${session.cwd ?? "/home/u/app"}\nrollout_path: ${pathOf(session)}\n` +
      `rollout_summary_file: ${fileOf(session)}\n\n${(session.memory ?? "").trim()}\n\n`,
  );
  return {
    rawMemories: `# Raw Memories\n\nMerged stage-1 raw memories (latest first):\n\n${memories.join("")}`,
    summaries: sessions.map((session) => ({
      name: fileOf(session),
      text: `thread_id: ${session.id}\n${header(session)}rollout_path: ${pathOf(session)}\ncwd: ${session.cwd ?? "/home/u/app"}\n\n${session.recap ?? ""}\n`,
    })),
    handEdits,
  };
}

export function consolidated(...sessions: readonly Session[]): Consolidated {
  return consolidate(inputOf(sessions));
}

/** Bullets of a handbook's section with their task references, over all groups. */
export function bullets(memory: string, section?: string): readonly string[] {
  const found: string[] = [];
  let current = "";
  for (const line of memory.split("\n")) {
    if (/^#{1,3} /.test(line)) current = line.replace(/^#+ /, "");
    else if (line.startsWith("- ") && (section === undefined ? isKind(current) : current === section))
      found.push(line.slice(2));
  }
  return found;
}

function isKind(section: string): boolean {
  return ["User preferences", "Reusable knowledge", "Failures and how to do differently"].includes(section);
}

/** The same without references and dates. */
export function statements(memory: string, section?: string): readonly string[] {
  return bullets(memory, section).map((bullet) =>
    bullet.replace(/(?: \[Task \d+\]|\[Task \d+\])+$/, "").replace(/ \(\d{4}-\d\d-\d\d\)$/, ""),
  );
}

export function note(parts: {
  preferences?: readonly string[];
  knowledge?: readonly string[];
  failures?: readonly string[];
  head?: string;
}): string {
  const list = (title: string, items: readonly string[] = []) =>
    items.length === 0 ? "" : `${title}:\n${items.map((item) => `- ${item}`).join("\n")}\n\n`;
  return `${parts.head ?? ""}${list("Preference signals", parts.preferences)}${list("Reusable knowledge", parts.knowledge)}${list("Failures and how to do differently", parts.failures)}`;
}
