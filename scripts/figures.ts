/**
 * Figures of the sources against their goals: `npm run figures`, or `npm run figures -- --run` to count the files that
 * a first `slowwave run` executes, too. Prints one table and exits with 1 when an import circle is found.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const SRC = join(ROOT, "src");
const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+"(\.[^"]+)"|import\(\s*"(\.[^"]+)"/g;

interface Source {
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly string[];
}

function readSources(): readonly Source[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const text = readFileSync(join(SRC, name), "utf8");
      const imports = [...text.matchAll(IMPORT)].map(([, from = "", lazily = ""]) =>
        relative(SRC, resolve(SRC, dirname(name), from || lazily)),
      );
      return { file: name, lines: text.split("\n").length - 1, imports };
    });
}

function medianOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Folders directly below `src` with their part of all lines, the largest first. */
function foldersOf(sources: readonly Source[]): readonly (readonly [folder: string, share: number])[] {
  const total = sources.reduce((sum, { lines }) => sum + lines, 0);
  const byFolder = new Map<string, number>();
  for (const { file, lines } of sources) {
    const folder = file.split("/")[0] ?? file;
    byFolder.set(folder, (byFolder.get(folder) ?? 0) + lines);
  }
  return [...byFolder]
    .map(([folder, lines]) => [folder, lines / total] as const)
    .sort(([, a], [, b]) => b - a);
}

/** Groups of files that import each other in a circle, types included (Tarjan's strongly connected components). */
function circlesIn(sources: readonly Source[]): readonly (readonly string[])[] {
  const edges = new Map(sources.map(({ file, imports }) => [file, imports]));
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file) ?? 0);
    stack.push(file);
    for (const next of edges.get(file) ?? []) {
      if (!index.has(next) && edges.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file) ?? 0, low.get(next) ?? 0));
    }
    if (low.get(file) !== index.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle);
  };
  for (const { file } of sources) if (!index.has(file)) visit(file);
  return circles;
}

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly count: number }[];
    }[];
  }[];
}

/** Files of `src` with a named function that the first run of the samples executes in its own process. */
function filesOfFirstRun(): number {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-figures-"));
  const slowwave = (coverage: string | null, ...argv: readonly string[]) =>
    execFileSync(process.execPath, [join(ROOT, "bin/slowwave.js"), ...argv, "--home", join(folder, "home")], {
      stdio: "ignore",
      env: { ...process.env, ...(coverage === null ? {} : { NODE_V8_COVERAGE: coverage }) },
    });
  try {
    slowwave(null, "import", join(ROOT, "samples/stage1.jsonl"));
    slowwave(join(folder, "coverage"), "run");
    const executed = new Set<string>();
    for (const name of readdirSync(join(folder, "coverage"))) {
      const { result } = JSON.parse(readFileSync(join(folder, "coverage", name), "utf8")) as Coverage;
      for (const { url, functions } of result) {
        const isRun = functions.some(
          ({ functionName, ranges }) => functionName !== "" && (ranges[0]?.count ?? 0) > 0,
        );
        if (isRun && url.includes("/src/")) executed.add(url);
      }
    }
    return executed.size;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sources = readSources();
const lines = sources.reduce((sum, one) => sum + one.lines, 0);
const imports = sources.reduce((sum, one) => sum + one.imports.length, 0);
const [largest] = foldersOf(sources);
const circles = circlesIn(sources);
const rows: (readonly [what: string, figure: string, goal: string])[] = [
  ["files", String(sources.length), "about 280"],
  ["lines", String(lines), ""],
  ["median lines of a file", String(medianOf(sources.map((one) => one.lines))), "85 or more"],
  ["imports of own modules per 100 lines", ((imports / lines) * 100).toFixed(2), "less than 3"],
  ["largest folder", `${largest?.[0]} ${((largest?.[1] ?? 0) * 100).toFixed(1)} %`, "at most 18 %"],
  ["import circles", String(circles.length), "none"],
];
if (process.argv.includes("--run")) {
  rows.push(["files executed by a first run", String(filesOfFirstRun()), "at most 150"]);
}
for (const [what, figure, goal] of rows) console.log(`${what.padEnd(38)} ${figure.padStart(20)}   ${goal}`);
for (const circle of circles) console.log(`circle: ${circle.join(" → ")}`);
if (circles.length > 0) process.exitCode = 1;
