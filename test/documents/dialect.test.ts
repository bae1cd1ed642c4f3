import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ALLOWED, DIALECT, NO_NAMES } from "./dialect.ts";

const NAMES: Readonly<Record<string, string>> = { ...DIALECT, ...NO_NAMES };

function filesBelow(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

/** Every identifier of a source, without comments and texts. */
function identifiersOf(source: string): ReadonlySet<string> {
  const code = withoutTemplates(source.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, ""))
    .replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""')
    .replace(/(?<=[=([,:?]\s*|return\s+)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g, '""');
  return new Set(code.match(/[A-Za-z_$][\w$]*/g));
}

const HOLE = /\$\{(?:[^`{}]|\{[^`{}]*\})*\}/g;
/** One that holds no other. */
const TEMPLATE = new RegExp(`\`(?:[^\`\\\\$]|\\\\.|\\$(?!\\{)|${HOLE.source})*\``, "g");

/** What stands in the holes of templates stays, from the innermost out. */
function withoutTemplates(source: string): string {
  const next = source.replace(
    TEMPLATE,
    (text) => `(${(text.match(HOLE) ?? []).join(" ").replace(/[${}]/g, " ")})`,
  );
  return next === source ? next : withoutTemplates(next);
}

/** `isRefolded` holds `is` and `refolded`. */
function partsOf(identifier: string): readonly string[] {
  return [identifier, ...(identifier.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [])].map((part) =>
    part.toLowerCase(),
  );
}

function usesIn(file: string): readonly string[] {
  return [...identifiersOf(readFileSync(file, "utf8"))].flatMap((identifier) => {
    if (ALLOWED.has(identifier)) return [];
    const parts = partsOf(identifier);
    return Object.keys(NAMES)
      .filter((word) => parts.includes(word.toLowerCase()))
      .map((word) => `${file}: ${identifier} (say ${NAMES[word]})`);
  });
}

test("no identifier of the sources or the page is a word of the dialect", () => {
  const sources = [...filesBelow("src", /\.ts$/), ...filesBelow("visualizer", /\.tsx?$/)];
  expect(sources.length).toBeGreaterThan(200);
  expect(sources.flatMap(usesIn)).toEqual([]);
});

test("no document uses a word of the dialect", () => {
  const documents = [
    ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"],
    ...filesBelow("docs", /\.md$/),
  ];
  const found = documents.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    return Object.keys(DIALECT)
      .filter((word) => new RegExp(`\\b${word}\\b`, "i").test(text))
      .map((word) => `${file}: ${word}`);
  });
  expect(found).toEqual([]);
});

test("a word inside an identifier is seen", () => {
  expect(partsOf("isRefoldedRun")).toEqual(["isrefoldedrun", "is", "refolded", "run"]);
  expect([...identifiersOf('const knockOf = "helm"; // brake')]).toEqual(["const", "knockOf"]);
  const nested = ["const text = `a desk $", "{isKnown ? `said $", "{told}` : 1} laid`;"].join("");
  expect([...identifiersOf(nested)]).toEqual(["const", "text", "isKnown", "told"]);
});
