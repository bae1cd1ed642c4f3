import type { GateCode } from "../domain/gate.ts";
import type { Candidate, Check } from "./check.ts";
import { evidenceOf } from "./evidence.ts";
import { type GroupPart, groupsIn, type StatementPart } from "./handbook-parts.ts";
import { statementIndex } from "./statement-index.ts";

const PATH = "MEMORY.md";

/**
 * Statements of the base whose sessions are all gone are forgotten rightly; the others should still be said, in these
 * or similar words. A small memory is rewritten freely, and one near its limit must be condensed.
 */
export const LOSS = {
  /** Share of the statements that may go in one run. */
  repairAbove: 0.4,
  refuseAbove: 0.8,
  fewestStatements: 12,
  condensedAboveBytes: 160 * 1024,
} as const;

export const memoryKept: Check = (candidate) => {
  const before = candidate.base.text(PATH);
  if (before === null) return [];
  const due = statementsDue(groupsIn(before), candidate);
  if (due.length < LOSS.fewestStatements) return [];
  const isSaid = statementIndex(candidate.text(PATH) ?? "");
  const lost = due.filter(({ text }) => !isSaid(text));
  const share = lost.length / due.length;
  const isCondensed = Buffer.byteLength(before) > LOSS.condensedAboveBytes;
  if (share > LOSS.refuseAbove) return [fault("memory_wiped", lost, due.length)];
  return share > LOSS.repairAbove && !isCondensed ? [fault("memory_loss", lost, due.length)] : [];
};

function statementsDue(groups: readonly GroupPart[], { evidence }: Candidate): readonly StatementPart[] {
  const { threadOf } = evidenceOf(evidence);
  return groups.flatMap((group) => {
    const alive = new Set(
      group.tasks
        .filter(({ citations }) => citations.some(({ path }) => threadOf.has(path)))
        .map(({ number }) => number),
    );
    return group.statements.filter(({ tasks }) =>
      tasks.length === 0
        ? group.tasks.length === 0 || alive.size > 0
        : tasks.some((number) => alive.has(number)),
    );
  });
}

function fault(code: GateCode, lost: readonly StatementPart[], due: number) {
  const lines = lost.slice(0, 25).map(({ line }) => line);
  const message = `${lost.length} of ${due} statements of ${PATH} would be lost although their sessions are still there; if that is wanted, set gate.${code} to "warn".`;
  const repair = `${lost.length} of ${due} statements of the former ${PATH} are gone although their sessions are still inputs. Restore what still holds from the summaries those sessions left; it stood in lines ${lines.join(", ")}${lost.length > lines.length ? ", …" : ""} of the former file.`;
  return { finding: { code, path: PATH, message, repair } };
}
