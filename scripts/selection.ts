import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { FEATURE_NAMES, FEATURES, featuresOf } from "../src/extractive/features.ts";
import { readNote } from "../src/extractive/note.ts";
import { KEEP_FROM } from "../src/extractive/selection.ts";
import { spreadOf } from "../src/extractive/statement.ts";
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
  /** In the order of FEATURES; empty where the reader of today finds no such statement. */
  readonly features: readonly number[];
}

interface CorpusRecord {
  readonly thread_id: string;
  readonly raw_memory: string;
}

/** A marginal statement is better than noise, and less than half of a wanted one. */
const TARGETS = { wanted: 1, marginal: 0.4, noise: 0 } as const;
const PENALTY = 0.01;
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
    const model = fitLogistic(examplesOf(measured, "train"), Object.values(FEATURES), PENALTY);
    writeFileSync(WEIGHTS, weightsFile(model));
    report(measured, model);
    return;
  }
  report(stored, fitLogistic(examplesOf(stored, "train"), Object.values(FEATURES), PENALTY));
}

/** The features of each labelled statement, from the note it stands in. */
function measureFeatures(labels: readonly Labelled[], records: readonly CorpusRecord[]): readonly Labelled[] {
  const notes = records.map((record) => ({
    session: hashOf(record.thread_id, 12),
    note: readNote(record.raw_memory),
  }));
  const piecesOf = (note: ReturnType<typeof readNote>) => note.subjects.flatMap(({ pieces }) => pieces);
  const spread = spreadOf(notes.map(({ note }) => piecesOf(note)));
  const measured = new Map<string, readonly number[]>();
  for (const { session, note } of notes)
    for (const piece of piecesOf(note)) {
      const features = featuresOf(piece, {
        position: (piece.block + 1) / Math.max(1, note.blocks),
        spreadOf: (identifier) => spread.get(identifier) ?? 1,
      });
      measured.set(
        `${session} ${hashOf(piece.text, 16)}`,
        features.map((value) => Math.round(value * 1e3) / 1e3),
      );
    }
  return labels.map((line) => ({
    ...line,
    features: measured.get(`${line.session} ${line.statement}`) ?? [],
  }));
}

function examplesOf(lines: readonly Labelled[], side: Labelled["side"]): readonly Example[] {
  return lines
    .filter((line) => line.side === side && line.features.length > 0)
    .map(({ features, label }) => ({ features, target: TARGETS[label] }));
}

function report(lines: readonly Labelled[], model: Model): void {
  const read = lines.filter(({ features }) => features.length === FEATURE_NAMES.length);
  console.log(
    `${lines.length} labelled statements, ${read.length} of them read, ${FEATURE_NAMES.length} features`,
  );
  for (const side of ["train", "held"] as const) {
    const scores = (...labels: readonly Labelled["label"][]) =>
      read
        .filter((line) => line.side === side && labels.includes(line.label))
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
  reportAgreement(lines);
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
  const lines = FEATURE_NAMES.map((name, at) => `  ${name}: ${(weights[at] ?? 0).toFixed(3)},`);
  return `import type { FEATURES } from "./features.ts";

/** Written by \`node scripts/selection.ts --write\`; not to be edited by hand. */
export const WEIGHTS: Readonly<Record<keyof typeof FEATURES, number>> = {
${lines.join("\n")}
};
export const INTERCEPT = ${intercept.toFixed(3)};
`;
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
