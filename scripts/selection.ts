import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { generateDataset } from "../src/eval/generate.ts";
import { FEATURE_NAMES, FEATURES, featuresOf } from "../src/extractive/features.ts";
import { type Note, readNote } from "../src/extractive/note.ts";
import type { Piece } from "../src/extractive/piece.ts";
import { KEEP_FROM, spreadOf, statementsOf, surroundingsIn, weigh } from "../src/extractive/statement.ts";
import { areaUnderCurve, type Example, fitLogistic, logOdds, type Model } from "./logistic.ts";

/**
 * Fits the model that chooses what is remembered, and prints how well it does on sessions it has not seen.
 *
 *   SLOWWAVE_CORPUS=sessions.jsonl node scripts/selection.ts --write   measures features anew, fits, writes both files
 *   node scripts/selection.ts                                          judges the weights by the stored features
 */

/** A line of training/labels.jsonl; training/LABELLING.md says what the fields mean. */
interface Labelled {
  readonly statement: string;
  readonly session: string;
  readonly side: "train" | "held";
  readonly label: "wanted" | "marginal" | "noise";
  /** Where it stands in a session, if not in its note. */
  readonly source?: "recap";
  /** In the order of FEATURES; empty where the reader of today finds no such statement. */
  readonly features: readonly number[];
}

interface CorpusRecord {
  readonly thread_id: string;
  readonly raw_memory: string;
  readonly rollout_summary: string;
}

/** A marginal statement is better than noise, and less than half of a wanted one. */
const TARGETS = { wanted: 1, marginal: 0.4, noise: 0 } as const;
const PENALTY = 0.01;
/**
 * Transcripts hold hardly any plain facts, which notes written on purpose are full of; so sessions of the benchmark, by
 * seeds that no score is taken of, are learned from too. They count as much as so many labelled statements.
 */
const INVENTED_SEEDS = [101, 102, 103, 104];
const INVENTED_WEIGHT = 90;
const LABELS = new URL("../training/labels.jsonl", import.meta.url);
const SECOND = new URL("../training/second.jsonl", import.meta.url);
const WEIGHTS = new URL("../src/extractive/selection-weights.ts", import.meta.url);

function main(): void {
  const stored = readLines<Labelled>(LABELS);
  const corpus = process.env.SLOWWAVE_CORPUS;
  if (process.argv.includes("--write")) {
    if (corpus === undefined)
      throw new Error("SLOWWAVE_CORPUS must name the file with the labelled sessions");
    const measured = measureFeatures(stored, readLines<CorpusRecord>(corpus));
    writeFileSync(LABELS, measured.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const model = fitted(measured);
    writeFileSync(WEIGHTS, weightsFile(model));
    report(measured, model);
    return;
  }
  report(stored, fitted(stored));
  if (corpus !== undefined) reportKept(stored, readLines<CorpusRecord>(corpus));
}

/** What the weights in the repository keep of each side: different statements, by label. */
function reportKept(labels: readonly Labelled[], records: readonly CorpusRecord[]): void {
  const known = new Map(labels.map((line) => [`${line.session} ${line.statement}`, line]));
  const notes = records.map((record) => ({
    session: hashOf(record.thread_id, 12),
    note: readNote(record.raw_memory),
  }));
  const spread = spreadOf(notes.map(({ note }) => piecesOf(note)));
  const kept = notes.flatMap(({ session, note }) =>
    weigh(piecesOf(note), note.blocks, spread)
      .filter((weighed) => statementsOf([weighed]).length > 0)
      .flatMap(({ piece }) => known.get(`${session} ${hashOf(piece.text, 16)}`) ?? []),
  );
  for (const side of ["train", "held"] as const) {
    const own = kept.filter((line) => line.side === side);
    const different = [...new Map(own.map((line) => [line.statement, line])).values()];
    const share = (label: Labelled["label"]) =>
      `${label} ${((100 * different.filter((line) => line.label === label).length) / different.length).toFixed(0)} %`;
    console.log(
      `kept of ${side}: ${different.length} different statements, ${share("wanted")}, ${share("marginal")}, ${share("noise")}`,
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

function featuresIn(
  records: readonly CorpusRecord[],
  textOf: (record: CorpusRecord) => string,
): ReadonlyMap<string, readonly number[]> {
  const notes = records.map((record) => ({
    session: hashOf(record.thread_id, 12),
    note: readNote(textOf(record)),
  }));
  const spread = spreadOf(notes.map(({ note }) => piecesOf(note)));
  const measured = new Map<string, readonly number[]>();
  for (const { session, note } of notes) {
    const surroundings = surroundingsIn(piecesOf(note), note.blocks, spread);
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
function crossValidated(lines: readonly Labelled[]): readonly (readonly [Labelled, number])[] {
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
      .map((line) => [line, logOdds(model, line.features)] as const);
  });
}

/** Planted facts are wanted, everything else is noise; both sides count the same. */
function inventedExamples(): readonly Example[] {
  const examples = INVENTED_SEEDS.flatMap((seed) => {
    const { batches, facts } = generateDataset(seed);
    const notes = batches.flat().map((record) => readNote(record.rawMemory));
    const spread = spreadOf(notes.map(piecesOf));
    return notes.flatMap((note) => {
      const surroundings = surroundingsIn(piecesOf(note), note.blocks, spread);
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
    .map(({ features, label }) => ({ features, target: TARGETS[label], weight: 1 }));
}

function report(lines: readonly Labelled[], model: Model): void {
  const read = lines.filter(({ features }) => features.length === FEATURE_NAMES.length);
  console.log(
    `${lines.length} labelled statements, ${read.length} of them read, ${FEATURE_NAMES.length} features`,
  );
  for (const side of ["train", "held"] as const) {
    const scores = (...labels: readonly Labelled["label"][]) =>
      read
        .filter((line) => line.side === side && line.source === undefined && labels.includes(line.label))
        .map(({ features }) => logOdds(model, features));
    const [wanted, marginal, noise] = [scores("wanted"), scores("marginal"), scores("noise")];
    console.log(
      `${side.padEnd(5)}  wanted ${wanted.length}, marginal ${marginal.length}, noise ${noise.length};` +
        `  AUC wanted against noise ${areaUnderCurve(wanted, noise).toFixed(3)},` +
        ` wanted against all others ${areaUnderCurve(wanted, [...marginal, ...noise]).toFixed(3)},` +
        ` noise against all others ${areaUnderCurve([...wanted, ...marginal], noise).toFixed(3)};` +
        `  above ${KEEP_FROM}: ${[wanted, marginal, noise].map((list) => list.filter((score) => score >= KEEP_FROM).length).join(" + ")}`,
    );
  }
  if (process.argv.includes("--cross")) reportCross(lines);
  reportAgreement(lines);
}

function reportCross(lines: readonly Labelled[]): void {
  const scored = crossValidated(lines);
  for (const from of [0.25, 0.5, 0.75, 1, 1.25, 1.5]) {
    const kept = [
      ...new Map(
        scored.filter(([, score]) => score >= from).map(([line]) => [line.statement, line]),
      ).values(),
    ];
    const count = (label: Labelled["label"]) => kept.filter((line) => line.label === label).length;
    console.log(
      `cross-validated, from ${from}: ${count("wanted")} + ${count("marginal")} + ${count("noise")}`,
    );
  }
}

/** How often the same statement got the same label twice. */
function reportAgreement(lines: readonly Labelled[]): void {
  const first = new Map(lines.map(({ statement, label }) => [statement, label]));
  const second = readLines<Pick<Labelled, "statement" | "label">>(SECOND);
  const pairs = second.map(({ statement, label }) => [first.get(statement) ?? label, label] as const);
  const same = pairs.filter(([one, other]) => one === other).length / pairs.length;
  const share = (label: Labelled["label"], at: 0 | 1) =>
    pairs.filter((pair) => pair[at] === label).length / pairs.length;
  const byChance = (["wanted", "marginal", "noise"] as const).reduce(
    (sum, label) => sum + share(label, 0) * share(label, 1),
    0,
  );
  const kappa = (same - byChance) / (1 - byChance);
  console.log(
    `labelled twice: ${pairs.length}, same label ${(same * 100).toFixed(0)} %, kappa ${kappa.toFixed(2)}`,
  );
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
