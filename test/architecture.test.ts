import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

/** Which rooms a file may import from; arrows never turn back. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  domain: ["domain"],
  machines: ["machines", "domain"],
  services: ["services", "domain"],
  persistence: ["persistence", "domain"],
  engine: ["engine", "machines", "services", "persistence", "domain"],
  server: ["server", "engine", "machines", "services", "persistence", "domain"],
  cli: ["cli", "server", "engine", "machines", "services", "persistence", "domain"],
  "index.ts": ["engine", "machines", "domain"],
};

const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+"(\.[^"]+)"|import\(\s*"(\.[^"]+)"/g;
const SRC = resolve("src");

test("imports run one way: domain → machines, services, persistence → engine → server → cli", () => {
  const wrong: string[] = [];
  for (const file of sources()) {
    const room = roomOf(file);
    for (const target of importsOf(file)) {
      if (!MAY_IMPORT[room]?.includes(roomOf(target)))
        wrong.push(`${relative(SRC, file)} → ${relative(SRC, target)}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("time, randomness and ids are passed in: nothing below the engine reads a clock or throws dice", () => {
  const FORBIDDEN =
    /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|randomUUID|randomBytes|randomInt)\b/;
  const wrong = sources()
    .filter((file) => ["domain", "machines", "services", "persistence"].includes(roomOf(file)))
    .filter((file) => FORBIDDEN.test(code(file)))
    .map((file) => relative(SRC, file));
  expect(wrong).toEqual([]);
});

test("a file is one noun or one verb: none is longer than 400 lines but the machine, which must be one literal", () => {
  const long = sources()
    .filter((file) => readFileSync(file, "utf8").split("\n").length > 400)
    .map((file) => relative(SRC, file));
  expect(long).toEqual(["machines/phase2.ts"]);
});

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(SRC, name));
}

function roomOf(file: string): string {
  return relative(SRC, file).split("/")[0] ?? "";
}

function importsOf(file: string): string[] {
  return [...code(file).matchAll(IMPORT)].map((found) => resolve(dirname(file), found[1] ?? found[2] ?? ""));
}

/** Without comments, so that a sentence about a clock is no clock. */
function code(file: string): string {
  return readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, "");
}
