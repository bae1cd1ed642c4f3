import type { Stage1Output } from "../domain/memory.ts";
import type { Evidence, NotedSession } from "./evidence.ts";
import { rawMemory, rolloutSummary } from "./render.ts";
import { type Task, tasksOf } from "./tasks.ts";

/** What a session is worth: a note, or the reason why it leaves none. */
export type Extraction =
  | {
      readonly kind: "note";
      readonly note: Stage1Output;
      /** Positions in the evidence of the rows that the note says something of. */
      readonly cited: readonly number[];
    }
  | { readonly kind: "none"; readonly reason: "nobody_spoke" | "no_signal" };

/**
 * The note of one session, by rules and without a model: what a person wants in general, word for word; commands whose
 * result is known; failures that were mended; files that were written; the last answer, as what the agent reported. Of
 * what tools printed only one line of an error is taken.
 */
export function extractNote(session: NotedSession, { rows }: Evidence): Extraction {
  if (!rows.some(({ tier }) => tier === "person")) return { kind: "none", reason: "nobody_spoke" };
  const tasks = tasksOf(rows);
  if (!tasks.some(hasSignal)) return { kind: "none", reason: "no_signal" };
  const at = Math.trunc((session.saidAt ?? session.changedAt) / 1_000);
  const [first] = tasks;
  const note = {
    threadId: session.key,
    sourceUpdatedAt: at,
    generatedAt: at,
    rawMemory: rawMemory(session, tasks),
    rolloutSummary: rolloutSummary(session, tasks),
    rolloutSlug: slugOf(first?.title ?? ""),
    rolloutPath: oneLine(session.path),
    cwd: oneLine(session.cwd ?? ""),
    gitBranch: session.branch === null ? null : oneLine(session.branch),
  };
  return { kind: "note", note, cited: citedBy(tasks) };
}

/** Something that could be of use again. A question and its answer are not. */
function hasSignal({ sentences, commands, files, claims }: Task): boolean {
  return (
    sentences.some(({ scope, isStatement }) => scope !== "task" || isStatement) ||
    commands.some(({ ok }) => ok !== null) ||
    files.length > 0 ||
    claims.length > 0
  );
}

function citedBy(tasks: readonly Task[]): readonly number[] {
  const rows = tasks.flatMap(({ turns, commands, answer, repairs }) => [
    ...turns,
    ...commands.filter(({ ok }) => ok !== null).map(({ row }) => row),
    ...repairs.flatMap(({ failed, passed }) => [failed.row, passed.row]),
    ...(answer === null ? [] : [answer]),
  ]);
  return [...new Set(rows.map(({ position }) => position))].sort((a, b) => a - b);
}

/** A name for files; null where the title has no letters that are safe in one. */
function slugOf(title: string): string | null {
  const slug = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9]+/g, "_")
    .slice(0, 50)
    .replace(/^_+|_+$/g, "");
  return slug.length < 3 ? null : slug;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "\ufffd").toWellFormed();
}
