/**
 * Puts one small bug at a time into a copy of this checkout, and runs the tests that must meet it. A bug that nobody
 * meets, or whose place in the sources is gone, makes the exit code 1.
 *
 *     npm run test:mutations             all of them, about ten minutes
 *     npm run test:mutations -- lease    those with this word in their name or file
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MUTATIONS, type Mutation } from "../test/mutations/mutation.ts";

const TIMEOUT_MS = 180_000;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[];
  }[];
}

const words = process.argv.slice(2);
const chosen = MUTATIONS.filter(({ name, file }) => words.every((word) => `${name} ${file}`.includes(word)));
const copy = copyOfCheckout();
try {
  process.exitCode = tryAll(copy, chosen) ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** What git knows or would take; so nothing is planted where somebody works. */
function copyOfCheckout(): string {
  const { stdout } = spawnSync("git", ["ls-files", "-coz", "--exclude-standard"], { encoding: "utf8" });
  const folder = mkdtempSync(join(tmpdir(), "slowwave-mutations-"));
  for (const name of stdout.split("\0").filter(Boolean)) cpSync(name, join(folder, name));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  return folder;
}

function tryAll(folder: string, mutations: readonly Mutation[]): boolean {
  const tests = [...new Set(mutations.flatMap((mutation) => mutation.tests))];
  const clean = failureOf(folder, tests);
  if (clean !== null) {
    console.log(`red without any mutation: ${clean}`);
    return false;
  }
  const missed = mutations.filter((mutation) => {
    const { name, file } = mutation;
    const mutated = mutatedText(folder, mutation);
    const met =
      mutated === null
        ? null
        : withText(join(folder, file), mutated, () => failureOf(folder, mutation.tests));
    const verdict = mutated === null ? "its place is gone" : (met ?? "no test meets it");
    console.log(`${met === null ? "MISSED" : "met"}  ${name} (${file}): ${verdict}`);
    return met === null;
  });
  console.log(`${mutations.length - missed.length} of ${mutations.length} mutations are met by a test`);
  return missed.length === 0;
}

/** Null when the file does not hold the text of each edit exactly once. */
function mutatedText(folder: string, { file, edits }: Mutation): string | null {
  const path = join(folder, file);
  let text = existsSync(path) ? readFileSync(path, "utf8") : "";
  for (const [from, to] of edits) {
    if (text.split(from).length !== 2) return null;
    text = text.replace(from, () => to);
  }
  return text;
}

function withText<Result>(path: string, text: string, use: () => Result): Result {
  const original = readFileSync(path, "utf8");
  writeFileSync(path, text);
  try {
    return use();
  } finally {
    writeFileSync(path, original);
  }
}

/** The test that went red, or null. */
function failureOf(folder: string, tests: readonly string[]): string | null {
  const output = join(folder, "mutations.json");
  rmSync(output, { force: true });
  const words = ["run", "--bail", "1", "--maxWorkers", "1", "--reporter", "json", "--outputFile", output];
  const { status } = spawnSync("vitest", [...words, ...tests], { cwd: folder, timeout: TIMEOUT_MS });
  if (status === 0) return null;
  const { testResults } = reportIn(output);
  const red = testResults.find((file) => file.status === "failed");
  const title = red?.assertionResults.find((result) => result.status === "failed")?.title;
  return red === undefined
    ? "the tests did not run to their end"
    : `${red.name.slice(folder.length + 1)} ${title ?? ""}`;
}

function reportIn(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return { testResults: [] };
  }
}
