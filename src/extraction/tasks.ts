import { commandOf, type RunCommand } from "./commands.ts";
import type { EvidenceRow } from "./evidence.ts";
import { claimsIn, isSound, personsSentences, type Sentence, titleOf } from "./sentences.ts";

/** One subject of a session: what a person wanted, and what came of it. */
export interface Task {
  readonly title: string;
  readonly turns: readonly EvidenceRow[];
  readonly sentences: readonly SpokenSentence[];
  readonly commands: readonly RunCommand[];
  readonly repairs: readonly Repair[];
  /** Files that were written, as they were named, in the order of their first writing. */
  readonly files: readonly string[];
  /** The last answer. */
  readonly answer: EvidenceRow | null;
  /** What its answers claim, the oldest first. */
  readonly claims: readonly string[];
}

export interface SpokenSentence extends Sentence {
  readonly row: EvidenceRow;
}

/** A command that failed, and what had changed when it no longer did. */
export interface Repair {
  readonly failed: RunCommand;
  readonly passed: RunCommand;
  /** Files written between the two. */
  readonly files: readonly string[];
  /** Commands run between the two that may have changed something. */
  readonly steps: readonly string[];
}

const MOST_TASKS = 8;
/** After a pause like this a person begins something else. */
const PAUSE_MS = 30 * 60_000;

/** Cuts a session into its tasks: at a person's turn with an object of its own, or after a long pause. */
export function tasksOf(rows: readonly EvidenceRow[]): readonly Task[] {
  const pieces: EvidenceRow[][] = [];
  let words = new Set<string>();
  let before: number | null = null;
  for (const row of rows) {
    const current = pieces.at(-1);
    const isTurn = row.tier === "person";
    if (
      current === undefined
        ? isTurn
        : isTurn && pieces.length < MOST_TASKS && isNewTask(row, words, before, current)
    ) {
      pieces.push([row]);
      words = new Set();
    } else current?.push(row);
    if (isTurn || row.tier === "final") for (const word of wordsOf(row.text)) words.add(word);
    for (const file of row.tool?.files ?? []) words.add(file.toLowerCase());
    before = row.at ?? before;
  }
  return pieces.map(taskOf);
}

function isNewTask(
  turn: EvidenceRow,
  words: ReadonlySet<string>,
  before: number | null,
  current: readonly EvidenceRow[],
): boolean {
  // A turn before anything was done goes on with the one before it.
  if (current.every(({ tier }) => tier === "person" || tier === "context")) return false;
  if (turn.at !== null && before !== null && turn.at - before > PAUSE_MS) return true;
  if (FOLLOWING.test(turn.text.trimStart())) return false;
  const own = wordsOf(turn.text);
  return own.length >= 4 && own.every((word) => !words.has(word));
}

/** Opens a turn that goes on with what was at hand. */
const FOLLOWING =
  /^(?:no|nope|yes|yep|ok(?:ay)?|and|also|but|now|wait|stop|hmm*|thanks?|good|great|nice|looks|why|that|this|it|you|do it|go on|continue|proceed|commit|push|undo|revert|again|then|instead|actually|nein|ja|und|aber|jetzt|warum|danke|weiter|non|oui|et|mais|pourquoi|merci|sí|y|pero|ahora|gracias|いや|はい|では|不|好|继续)(?:\b|(?=[\s,.!?、。！？]))/iu;

/** Words that name something. */
function wordsOf(text: string): readonly string[] {
  const found = text.toLowerCase().match(/[\p{L}\p{N}_./-]{4,}|[\u3040-\u30ff\u3400-\u9fff]{2}/gu) ?? [];
  return [...new Set(found.map((word) => word.replace(/[./-]+$/, "")))].filter((word) => !COMMON.has(word));
}

const COMMON = new Set(
  "this that with from when what which have make sure then than them they there here please could would should need want also into about your some more just like only does done bitte eine einen nicht auch dass noch avec pour dans cette para como esta este".split(
    " ",
  ),
);

function taskOf(rows: readonly EvidenceRow[]): Task {
  const turns = rows.filter(({ tier }) => tier === "person");
  const sentences = turns.flatMap((row) =>
    personsSentences(row.text).map((sentence) => ({ ...sentence, row })),
  );
  const commands = rows.flatMap((row) => {
    const command = commandOf(row);
    return command === null || !isSound(command.core) ? [] : [command];
  });
  const answer = rows.findLast(({ tier }) => tier === "final") ?? null;
  return {
    title: titleOf(turns[0]?.text ?? "") ?? "Session without a stated subject",
    turns,
    sentences,
    commands,
    repairs: repairsOf(rows, commands),
    files: filesOf(rows),
    answer,
    claims: [...new Set(rows.flatMap(({ tier, text }) => (tier === "final" ? claimsIn(text) : [])))],
  };
}

function filesOf(rows: readonly EvidenceRow[]): readonly string[] {
  const written = rows.filter(({ tool }) => tool !== undefined && tool.ok !== false);
  return [...new Set(written.flatMap(({ tool }) => tool?.files ?? []))];
}

/** The first failure of a command, and the first success of the same one behind it. */
function repairsOf(rows: readonly EvidenceRow[], commands: readonly RunCommand[]): readonly Repair[] {
  const repairs: Repair[] = [];
  const failing = new Map<string, RunCommand>();
  for (const command of commands) {
    const failed = failing.get(command.core);
    if (command.ok === false && failed === undefined) failing.set(command.core, command);
    if (command.ok !== true || failed === undefined) continue;
    failing.delete(command.core);
    const between = rows.filter(
      ({ position, tool }) =>
        tool !== undefined &&
        tool.ok !== false &&
        position > failed.row.position &&
        position <= command.row.position,
    );
    const files = [...new Set(between.flatMap(({ tool }) => tool?.files ?? []))];
    const steps = between.flatMap(({ tool }) => changesIn(tool?.command ?? "", command.core));
    repairs.push({ failed, passed: command, files, steps: [...new Set(steps)] });
  }
  return repairs;
}

/** The parts of a command that change something, without the one that was to pass. */
function changesIn(command: string, core: string): readonly string[] {
  return command
    .split(/&&|;|\n/)
    .map((part) => part.trim())
    .filter(
      (part) =>
        CHANGING.test(part) &&
        !part.includes(core) &&
        part.length <= 120 &&
        !part.includes("`") &&
        isSound(part),
    );
}

const CHANGING =
  /^(?:\w+=\S+ )*(?:sudo )?(?:sed -i|npm (?:i|install|ci|rebuild|update)|pnpm (?:i|install|add)|yarn|bun|pip3? install|uv|poetry|cargo (?:update|clean|fix)|go (?:mod|get|generate)|make \S+|docker|systemctl|git (?:reset|checkout|clean|stash)|rm|mv|cp|export|just|task)\b/;
