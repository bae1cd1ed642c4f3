import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ERROR_CODES } from "../../src/domain/failure.ts";

/** Statuses of runs have a table of their own, and the server's refusals stand in its own files. */
const ELSEWHERE = /^((failed|skipped|succeeded)_|machine_lost$)/;

/** Every code that an error is made with in `src`, by the file that makes it. */
function codesInUse(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const files = readdirSync("src", { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".ts") && !name.startsWith("server"))) {
    const text = readFileSync(join("src", file), "utf8");
    for (const [, code = ""] of text.matchAll(/new SlowwaveError\(\s*"([a-z0-9_]+)"/g)) found.set(code, file);
  }
  const stores = readFileSync("src/persistence/errors.ts", "utf8");
  for (const [, code = ""] of stores.matchAll(/^ {2}\| "([a-z0-9_]+)"/gm))
    found.set(code, "persistence/errors.ts");
  return found;
}

test("every error carries a code of the exported list", () => {
  const unlisted = [...codesInUse()].filter(([code]) => !ELSEWHERE.test(code) && !(code in ERROR_CODES));
  expect(unlisted).toEqual([]);
});

test("every code of the exported list is in use, and says what it means in a sentence", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== join("domain", "failure.ts"))
    .map((name) => readFileSync(join("src", name), "utf8"))
    .join("\n");
  const entries = Object.entries(ERROR_CODES);
  expect(entries.filter(([code]) => !sources.includes(`"${code}"`))).toEqual([]);
  expect(entries.filter(([, sentence]) => !/^[A-Z].*\.$/.test(sentence))).toEqual([]);
});
