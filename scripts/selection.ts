import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { generateDataset } from "../src/eval/generate.ts";
import { FEATURE_NAMES, FEATURES, featuresOf } from "../src/extractive/features.ts";
import { type Note, readNote } from "../src/extractive/note.ts";
import type { Piece } from "../src/extractive/piece.ts";
import { echoesOf, KEEP_FROM, statementsOf, surroundingsIn, weigh } from "../src/extractive/statement.ts";
import { areaUnderCurve, type Example, fitLogistic, logOdds, type Model } from "./logistic.ts";

/**
 * Fits the model that chooses what is remembered, and prints how well it does on sessions it has not seen.
 *
 *   SLOWWAVE_CORPUS=sessions.jsonl node scripts/selection.ts --write   measures features anew, fits, writes both files
 *   node scripts/selection.ts                                          judges the weights by the stored features
 */

type Label = "wanted" | "marginal" | "noise";

/** A line of training/labels.jsonl; training/LABELLING.md says what the fields mean. */
interface Labelled {
  readonly statement: string;
  readonly session: string;
  readonly side: "train" | "held";
  readonly label: Label;
  /** Where it stands in a session, if not in its note. */
  readonly source?: "recap";
  /** In the order of FEATURES; empty where the reader of today finds no such statement. */
  readonly features: readonly number[];
}

/** A line of training/held.jsonl: a statement of the held-out sessions, labelled again without a look at the first label. */
interface HeldLabel {
  readonly statement: string;
  /** The label of the second round; recaps were read in that round alone. */
  readonly blind?: Label;
  /** The one that counts. */
  readonly label: Label;
  readonly source?: "recap";
  /** Of recaps alone; those of notes are in labels.jsonl. */
  readonly features?: readonly number[];
}

interface CorpusRecord {
  readonly thread_id: string;
  readonly raw_memory: string;
  readonly rollout_summary: string;
}

/** A marginal statement is better than noise, and much less than a wanted one. */
const TARGETS = { wanted: 1, marginal: 0.35, noise: 0 } as const;
const PENALTY = 0.04;
/** Recaps are not what is chosen from. */
const RECAP_WEIGHT = 0.5;
/**
 * Transcripts hold hardly any plain facts, which notes written on purpose are full of; so sessions of the benchmark, by
 * seeds that no score is taken of, are learned from too. They count as much as so many labelled statements.
 */
const INVENTED_SEEDS = [101, 102, 103, 104];
const INVENTED_WEIGHT = 300;
const LABELS = new URL("../training/labels.jsonl", import.meta.url);
const HELD = new URL("../training/held.jsonl", import.meta.url);
const SECOND = new URL("../training/second.jsonl", import.meta.url);
const WEIGHTS = new URL("../src/extractive/selection-weights.ts", import.meta.url);

function main(): void {
  const stored = readLines<Labelled>(LABELS);
  const held = readLines<HeldLabel>(HELD);
  const corpus = process.env.SLOWWAVE_CORPUS;
  if (process.argv.includes("--write")) {
    if (corpus === undefined)
      throw new Error("SLOWWAVE_CORPUS must name the file with the labelled sessions");
    const records = readLines<CorpusRecord>(corpus);
    const measured = measureFeatures(stored, records);
    const recaps = measureRecaps(held, records);
    writeLines(LABELS, measured);
    writeLines(HELD, recaps);
    const model = fitted(measured);
    writeFileSync(WEIGHTS, weightsFile(model));
    report(measured, recaps, model);
    return;
  }
  report(stored, held, fitted(stored));
  if (corpus !== undefined) reportKept(stored, held, readLines<CorpusRecord>(corpus));
}

/** What the built-in agent keeps of the notes of each side: different statements, by each labelling. */
function reportKept(
  labels: readonly Labelled[],
  held: readonly HeldLabel[],
  records: readonly CorpusRecord[],
): void {
  const sides = new Map(labels.map(({ session, side }) => [session, side]));
  const notes = records.map((record) => ({
    session: hashOf(record.thread_id, 12),
    note: readNote(record.raw_memory),
  }));
  const echoes = echoesOf(notes.map(({ note }) => piecesOf(note)));
  const kept = notes.flatMap(({ session, note }) =>
    weigh(piecesOf(note), note.blocks, echoes)
      .filter((weighed) => statementsOf([weighed]).length > 0)
      .map(({ piece }) => ({ side: sides.get(session), statement: hashOf(piece.text, 16) })),
  );
  const settled = new Map(held.map(({ statement, label }) => [statement, label]));
  const blind = new Map(held.map(({ statement, blind, label }) => [statement, blind ?? label]));
  const first = (side: Labelled["side"]) =>
    new Map(labels.filter((line) => line.side === side).map((line) => [line.statement, line.label]));
  const labellings = [
    ["train", "first round", first("train")],
    ["held", "settled", settled],
    ["held", "first round", first("held")],
    ["held", "second round, blind", blind],
  ] as const;
  for (const [side, name, labelling] of labellings) {
    const different = new Set(kept.filter((line) => line.side === side).map(({ statement }) => statement));
    const share = (label: Label) => {
      const count = [...different].filter((statement) => labelling.get(statement) === label).length;
      return `${label} ${count} (${((100 * count) / different.size).toFixed(0)} %)`;
    };
    console.log(
      `kept of ${side}, ${name}: ${different.size} different statements, ${share("wanted")}, ${share("marginal")}, ${share("noise")}`,
    );
  }
}

/** The features of each labelled statement, from the note or recap it stands in. */
function measureFeatures(labels: readonly Labelled[], records: readonly CorpusRecord[]): readonly Labelled[] {
  const inNotes = featuresIn(records, ({ raw_memory }) => raw_memory);
  const inRecaps = featuresIn(records, ({ rollout_summary }) => rollout_summary);
  return labels.map((line) => ({
    ...line,
    features: (line.source === "recap" ? inRecaps : inNotes).get(`${line.session} ${line.statement}`) ?? [],
  }));
}

/** The features of each labelled statement of the recaps of held-out sessions. */
function measureRecaps(held: readonly HeldLabel[], records: readonly CorpusRecord[]): readonly HeldLabel[] {
  const byStatement = new Map(
    [...featuresIn(records, ({ rollout_summary }) => rollout_summary)].map(([key, features]) => [
      key.split(" ")[1] ?? "",
      features,
    ]),
  );
  return held.map((line) =>
    line.source === undefined ? line : { ...line, features: byStatement.get(line.statement) ?? [] },
  );
}

function featuresIn(
  records: readonly CorpusRecord[],
  textOf: (record: CorpusRecord) => string,
): ReadonlyMap<string, readonly number[]> {
  const notes = records.map((record) => ({
    session: hashOf(record.thread_id, 12),
    note: readNote(textOf(record)),
  }));
  const measured = new Map<string, readonly number[]>();
  for (const { session, note } of notes) {
    const surroundings = surroundingsIn(piecesOf(note), note.blocks);
    for (const piece of piecesOf(note))
      measured.set(
        `${session} ${hashOf(piece.text, 16)}`,
        featuresOf(piece, surroundings(piece)).map((value) => Math.round(value * 1e3) / 1e3),
      );
  }
  return measured;
}

function fitted(lines: readonly Labelled[]): Model {
  const examples = [...examplesOf(lines, "train"), ...inventedExamples()];
  return fitLogistic(examples, Object.values(FEATURES), PENALTY);
}

const FOLDS = 6;

/** Each training session scored by a model that has not seen it: what settings are chosen by. */
function crossValidated(lines: readonly Labelled[]): readonly Scored[] {
  const known = lines.filter(({ side, features }) => side === "train" && features.length > 0);
  const invented = inventedExamples();
  const foldOf = ({ session }: Labelled) => Number.parseInt(session.slice(-4), 16) % FOLDS;
  return Array.from({ length: FOLDS }, (_, fold) => fold).flatMap((fold) => {
    const others = examplesOf(
      known.filter((line) => foldOf(line) !== fold),
      "train",
    );
    const model = fitLogistic([...others, ...invented], Object.values(FEATURES), PENALTY);
    return known
      .filter((line) => line.source === undefined && foldOf(line) === fold)
      .map(({ statement, label, features }) => ({ statement, label, score: logOdds(model, features) }));
  });
}

/** Planted facts are wanted, everything else is noise; both sides count the same. */
function inventedExamples(): readonly Example[] {
  const examples = INVENTED_SEEDS.flatMap((seed) => {
    const { batches, facts } = generateDataset(seed);
    const notes = batches.flat().map((record) => readNote(record.rawMemory));
    return notes.flatMap((note) => {
      const surroundings = surroundingsIn(piecesOf(note), note.blocks);
      return piecesOf(note).map((piece) => {
        const text = piece.text.toLowerCase();
        const isSaid = facts.some(({ keys, stale }) =>
          [keys, ...stale].some((words) => words.every((word) => text.includes(word))),
        );
        return { features: featuresOf(piece, surroundings(piece)), target: isSaid ? 1 : 0 };
      });
    });
  });
  const planted = examples.filter(({ target }) => target === 1).length;
  return examples.map((example) => ({
    ...example,
    weight: INVENTED_WEIGHT / (example.target === 1 ? planted : examples.length - planted),
  }));
}

function piecesOf({ subjects }: Note): readonly Piece[] {
  return subjects.flatMap(({ pieces }) => pieces);
}

function examplesOf(lines: readonly Labelled[], side: Labelled["side"]): readonly Example[] {
  return lines
    .filter((line) => line.side === side && line.features.length > 0)
    .map(({ features, label, source }) => ({
      features,
      target: TARGETS[label],
      weight: source === undefined ? 1 : RECAP_WEIGHT,
    }));
}

/** A statement with its label and what a model makes of it. */
interface Scored {
  readonly statement: string;
  readonly label: Label;
  readonly score: number;
}

function report(lines: readonly Labelled[], held: readonly HeldLabel[], model: Model): void {
  const read = lines.filter(({ features }) => features.length === FEATURE_NAMES.length);
  console.log(
    `${lines.length} labelled statements, ${read.length} of them read, ${FEATURE_NAMES.length} features`,
  );
  const scored = (side: Labelled["side"], labels: ReadonlyMap<string, Label>) =>
    read
      .filter((line) => line.side === side && line.source === undefined)
      .map(({ statement, label, features }) => ({
        statement,
        label: labels.get(statement) ?? label,
        score: logOdds(model, features),
      }));
  const settled = new Map(held.map(({ statement, label }) => [statement, label]));
  const blind = new Map(held.map(({ statement, blind, label }) => [statement, blind ?? label]));
  const recaps = held
    .filter(({ features }) => features?.length === FEATURE_NAMES.length)
    .map(({ statement, label, features }) => ({ statement, label, score: logOdds(model, features ?? []) }));
  const ofHeld = scored("held", settled);
  reportAreas("train", scored("train", new Map()));
  reportAreas("held", ofHeld);
  reportAreas("held, first round", scored("held", new Map()));
  reportAreas("held, second round", scored("held", blind));
  reportAreas("held, recaps", recaps);
  reportCurve("held", ofHeld);
  if (process.argv.includes("--cross")) reportCurve("cross-validated on train", crossValidated(lines));
  reportAgreement(lines, held);
}

function reportAreas(name: string, scored: readonly Scored[]): void {
  const scores = (...labels: readonly Label[]) =>
    scored.filter(({ label }) => labels.includes(label)).map(({ score }) => score);
  const [wanted, marginal, noise] = [scores("wanted"), scores("marginal"), scores("noise")];
  console.log(
    `${name}: wanted ${wanted.length}, marginal ${marginal.length}, noise ${noise.length};` +
      `  AUC wanted against noise ${areaUnderCurve(wanted, noise).toFixed(3)},` +
      ` wanted against all others ${areaUnderCurve(wanted, [...marginal, ...noise]).toFixed(3)},` +
      ` noise against all others ${areaUnderCurve([...wanted, ...marginal], noise).toFixed(3)}`,
  );
}

/** Precision and recall of the model alone, over different statements, by the score from which they would be kept. */
function reportCurve(name: string, scored: readonly Scored[]): void {
  const different = [...new Map(scored.map((line) => [line.statement, line])).values()];
  const all = different.filter(({ label }) => label === "wanted").length;
  for (let from = -2; from <= 2.5; from += 0.25) {
    const kept = different.filter(({ score }) => score >= from);
    const count = (label: Label) => kept.filter((line) => line.label === label).length;
    const percent = (part: number, whole: number) =>
      `${whole === 0 ? "-" : ((100 * part) / whole).toFixed(0)} %`;
    console.log(
      `${name}, from ${from}: ${kept.length} kept, ${percent(count("wanted"), kept.length)} wanted,` +
        ` ${percent(count("noise"), kept.length)} noise; ${percent(count("wanted"), all)} of the wanted ones` +
        (from === KEEP_FROM ? "  <- from here on a statement is kept" : ""),
    );
  }
}

/** How often the same statement got the same label twice. */
function reportAgreement(lines: readonly Labelled[], held: readonly HeldLabel[]): void {
  const first = new Map(lines.map(({ statement, label }) => [statement, label]));
  const second = readLines<Pick<Labelled, "statement" | "label">>(SECOND);
  reportPairs(
    "100 labelled twice in the first round",
    second.map(({ statement, label }) => [first.get(statement) ?? label, label]),
  );
  reportPairs(
    "held, first round and second round",
    held.flatMap(({ statement, blind }) => {
      const label = first.get(statement);
      return blind === undefined || label === undefined ? [] : [[label, blind] as const];
    }),
  );
}

function reportPairs(name: string, pairs: readonly (readonly [Label, Label])[]): void {
  const same = pairs.filter(([one, other]) => one === other).length / pairs.length;
  const share = (label: Label, at: 0 | 1) => pairs.filter((pair) => pair[at] === label).length / pairs.length;
  const byChance = (["wanted", "marginal", "noise"] as const).reduce(
    (sum, label) => sum + share(label, 0) * share(label, 1),
    0,
  );
  const kappa = (same - byChance) / (1 - byChance);
  console.log(`${name}: ${pairs.length}, same label ${(same * 100).toFixed(0)} %, kappa ${kappa.toFixed(2)}`);
}

function weightsFile({ weights, intercept }: Model): string {
  const lines = FEATURE_NAMES.map((name, at) => `  ${name}: ${roundedTo3(weights[at] ?? 0)},`);
  return `import type { FEATURES } from "./features.ts";

/** Written by \`node scripts/selection.ts --write\`; not to be edited by hand. */
export const WEIGHTS: Readonly<Record<keyof typeof FEATURES, number>> = {
${lines.join("\n")}
};
export const INTERCEPT = ${roundedTo3(intercept)};
`;
}

function roundedTo3(value: number): string {
  return String(Math.round(value * 1e3) / 1e3);
}

function writeLines(file: URL, lines: readonly object[]): void {
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function readLines<Line>(file: URL | string): readonly Line[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

function hashOf(text: string, length: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, length);
}

main();
