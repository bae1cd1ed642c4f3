import type { GateCode } from "../domain/settings.ts";
import { lostHandEdits } from "../memory-files/carry-over.ts";
import { type HandbookGroup, type HandbookStatement, parseHandbook } from "../text/handbook.ts";
import { pathText } from "../text/sanitize.ts";
import {
  type Check,
  type Evidence,
  evidenceOf,
  limited,
  type PastHandbook,
  type Remark,
} from "./candidate.ts";

const PATH = "MEMORY.md";

/**
 * Statements of the base whose sessions are all gone are forgotten rightly; the others should still be said, in these
 * or similar words. A small memory is rewritten freely, and one near its limit must be condensed.
 */
export const LOSS = {
  /** Share of the statements that may go in one run, and over the generations that the gate looks back. */
  repairAbove: 0.4,
  refuseAbove: 0.8,
  fewestStatements: 12,
  condensedAboveBytes: 160 * 1024,
  /** A group is there as long as this share of its statements is said somewhere. */
  groupKeptFrom: 0.25,
  fewestOfGroup: 3,
} as const;

/** What the memory said before is still said: compared with the base, group by group, and with the best of the generations before. */
export const memoryKept: Check = async (candidate) => {
  const before = candidate.base.text(PATH);
  if (before === null) return [];
  const evidence = evidenceOf(candidate.evidence);
  const after = candidate.text(PATH) ?? "";
  const isStillThere = statementIndex(after);
  const due = statementsDue(parseHandbook(before).groups, evidence);
  const lost = due.filter(({ text }) => !isStillThere(text));
  const share = due.length < LOSS.fewestStatements ? 0 : lost.length / due.length;
  const isCondensed = Buffer.byteLength(before) > LOSS.condensedAboveBytes;
  if (share > LOSS.refuseAbove) return [loss("memory_wiped", lost, due.length)];
  const groups = lostGroups(before, after, evidence, isStillThere, isCondensed);
  if (share > LOSS.repairAbove && !isCondensed) return [loss("memory_loss", lost, due.length), ...groups];
  if (groups.length > 0 || isCondensed) return groups;
  return erosion(await candidate.base.history(), evidence, isStillThere);
};

/** Statements of sessions that are still inputs, and those without a reference beside them. */
function statementsDue(groups: readonly HandbookGroup[], evidence: Evidence): readonly HandbookStatement[] {
  return groups.flatMap((group) => {
    const alive = new Set(
      group.tasks
        .filter(({ citations }) => citations.some(({ path }) => evidence.threadOf.has(path)))
        .map(({ number }) => number),
    );
    return group.statements.filter(({ tasks }) =>
      tasks.length === 0
        ? group.tasks.length === 0 || alive.size > 0
        : tasks.some((number) => alive.has(number)),
    );
  });
}

function loss(code: GateCode, lost: readonly HandbookStatement[], due: number): Remark {
  const lines = lost.slice(0, 25).map(({ line }) => line);
  const message = `${lost.length} of ${due} statements of ${PATH} would be lost although their sessions are still there; if that is wanted, set gate.${code} to "warn".`;
  const repair = `${lost.length} of ${due} statements of the former ${PATH} are gone although their sessions are still inputs. Restore what still holds from the summaries those sessions left; it stood in lines ${lines.join(", ")}${lost.length > lines.length ? ", …" : ""} of the former file.`;
  return { finding: { code, path: PATH, message, repair } };
}

/**
 * Groups of the base of which nothing is left although their sessions are still inputs: none of those is cited any
 * more, or hardly one of the statements is said. A group that was merged into another is said there.
 */
function lostGroups(
  before: string,
  after: string,
  { threadOf }: Evidence,
  isStillThere: (statement: string) => boolean,
  isCondensed: boolean,
): readonly Remark[] {
  const cited = new Set(
    parseHandbook(after).groups.flatMap(({ tasks }) =>
      tasks.flatMap(({ citations }) => citations.map(({ path }) => path)),
    ),
  );
  const gone = parseHandbook(before).groups.filter((group) => {
    const paths = group.tasks.flatMap(({ citations }) => citations.map(({ path }) => path));
    const alive = paths.filter((path) => threadOf.has(path));
    if (alive.length === 0) return false;
    const living = new Set(
      group.tasks
        .filter(({ citations }) => citations.some(({ path }) => threadOf.has(path)))
        .map(({ number }) => number),
    );
    const due = group.statements.filter(({ tasks }) => tasks.some((number) => living.has(number)));
    const kept = due.filter(({ text }) => isStillThere(text)).length;
    const isSilent =
      !isCondensed && due.length >= LOSS.fewestOfGroup && kept < due.length * LOSS.groupKeptFrom;
    return isSilent || (!alive.some((path) => cited.has(path)) && kept <= due.length / 2);
  });
  if (gone.length === 0) return [];
  const lines = gone
    .slice(0, 20)
    .map(({ line }) => line)
    .join(", ");
  const [what, verb] = gone.length === 1 ? ["A task group", "is"] : [`${gone.length} task groups`, "are"];
  return [
    {
      finding: {
        code: "group_lost",
        path: PATH,
        message: `${what} of the former ${PATH} (line ${lines} there) ${verb} gone although the sessions they come from are still inputs.`,
        repair: `${what} of the former ${PATH} ${verb} gone (line ${lines} there) although their sessions are still inputs. Write them again from those sessions' summaries, or merge their statements and citations into another group; nothing may stand in their place.`,
      },
    },
  ];
}

/** Small losses, run after run: fewer statements than allowed are left of the fullest of the last generations. */
function erosion(
  history: readonly PastHandbook[],
  evidence: Evidence,
  isStillThere: (statement: string) => boolean,
): readonly Remark[] {
  let worst: { readonly lost: number; readonly due: number; readonly generation: string } | null = null;
  for (const { generation, text, deleted } of history) {
    const due = statementsDue(parseHandbook(text).groups, evidence).filter(
      (statement) => !deleted.has(statement.text),
    );
    if (due.length < LOSS.fewestStatements) continue;
    const lost = due.filter((statement) => !isStillThere(statement.text)).length;
    if (lost <= due.length * LOSS.repairAbove) continue;
    if (worst === null || lost / due.length > worst.lost / worst.due)
      worst = { lost, due: due.length, generation };
  }
  if (worst === null) return [];
  const { lost, due, generation } = worst;
  return [
    {
      finding: {
        code: "memory_eroded",
        path: PATH,
        message: `Over the last runs ${lost} of ${due} statements of ${PATH} were lost although their sessions are still there; \`slowwave diff ${generation} current\` shows them, \`slowwave rollback ${generation}\` brings them back.`,
        repair: `Over the last runs ${lost} of ${due} statements of ${PATH} were lost, a few each time, although their sessions are still inputs. Go through raw_memories.md again and restore what still holds.`,
      },
    },
  ];
}

/** Share of a statement's words that another must have to count as saying the same. */
const ENOUGH = 0.5;
/** Lines that hold a word this often say nothing by it; a bound on the work as well. */
const COMMON = 400;

/** Whether a text still says something: one of its lines has the statement's words, or enough of them. */
export function statementIndex(text: string): (statement: string) => boolean {
  const lines = text.split("\n").map((line) => wordsOf(line));
  const whole = new Set(lines.map((words) => [...words].join(" ")));
  const byWord = new Map<string, number[]>();
  lines.forEach((words, at) => {
    for (const word of words) {
      const places = byWord.get(word);
      if (places === undefined) byWord.set(word, [at]);
      else places.push(at);
    }
  });
  return (statement) => {
    const words = wordsOf(statement);
    if (words.size === 0 || whole.has([...words].join(" "))) return true;
    const hits = new Map<number, number>();
    let telling = 0;
    for (const word of words) {
      const places = byWord.get(word) ?? [];
      if (places.length > COMMON) continue;
      telling += 1;
      for (const at of places) hits.set(at, (hits.get(at) ?? 0) + 1);
    }
    return telling === 0 || Math.max(0, ...hits.values()) >= telling * ENOUGH;
  };
}

/** Words in the order they come, each once; letters of scripts without spaces count one by one. */
function wordsOf(line: string): ReadonlySet<string> {
  const plain = line.toLowerCase().replace(/\[task \d+\]/g, "");
  return new Set(plain.match(/[\u3040-\u30ff\u3400-\u9fff]|[\p{L}\p{N}_]{2,}/gu) ?? []);
}

/**
 * A person's words stay: every line that they wrote or changed is in the result, and what they took away is not back.
 * The host carries both over before the gate looks, so a finding here is rare.
 */
export const handEditsKept: Check = ({ base, text }) =>
  Object.entries(base.handEdits).flatMap(([path, edits]) => {
    const [before, after] = [base.text(path), text(path)];
    const shown = pathText(path);
    if (edits.some(({ line }) => line < 0)) return after === null ? [] : [restored(shown)];
    if (before === null || after === null) return [];
    return limited(
      lostHandEdits({ text: before, edits }, after).map(({ kind, line }) =>
        kind === "missing" ? missing(shown, line + 1) : back(shown, line + 1),
      ),
    );
  });

function missing(path: string, line: number): Remark {
  return {
    finding: {
      code: "hand_edit_lost",
      path,
      message: `Line ${line} of the former ${path}, which a person wrote, is not in the new one.`,
      repair: `Line ${line} of the former ${path} was written by the user: put it back word for word, in its group (see hand_edits.diff).`,
    },
  };
}

function back(path: string, line: number): Remark {
  return {
    finding: {
      code: "hand_edit_lost",
      path,
      message: `Line ${line} of ${path} was taken away by a person and is back.`,
      repair: `Line ${line} of ${path} was deleted by the user: remove it, and say the same in no other words (see hand_edits.diff).`,
    },
  };
}

function restored(path: string): Remark {
  return {
    finding: {
      code: "hand_edit_lost",
      path,
      message: `${path} was deleted by a person and is back.`,
      repair: `Remove ${path}: the user deleted it.`,
    },
  };
}
