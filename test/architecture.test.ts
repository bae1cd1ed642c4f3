import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

/**
 * Which folders of `src` a file of each folder may import from, besides its own. Arrows never turn back: a folder
 * names only folders above it in this table.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  domain: [],
  text: ["domain"],
  files: ["domain"],
  machines: ["domain"],
  durable: ["domain"],
  process: ["domain", "text", "files"],
  import: ["domain", "text"],
  transcripts: ["domain", "text", "files"],
  extractive: ["text"],
  // Pure: utterances in, a note out, with the words of the agent that will read it.
  extraction: ["domain", "text", "transcripts", "extractive"],
  eval: ["domain", "text", "transcripts", "extraction"],
  sandbox: ["domain", "text", "files", "process"],
  persistence: ["domain", "text", "import", "process"],
  testing: ["domain", "durable"],
  "memory-files": ["domain", "text", "files"],
  // Codex's tables, lock and baseline around a store of ours.
  "codex-home": ["domain", "text", "files", "process", "import", "memory-files"],
  // Where a memory is shown to agents; `hook.ts` and what it names load nothing but Node.
  delivery: ["domain", "text", "files", "memory-files"],
  validation: ["domain", "text", "files", "memory-files"],
  agents: ["domain", "text", "files", "process", "sandbox"],
  services: ["domain", "text", "files", "process", "sandbox", "memory-files", "validation", "agents"],
  learning: [
    "domain",
    "text",
    "files",
    "process",
    "import",
    "transcripts",
    "extraction",
    "agents",
    "services",
  ],
  engine: [
    "domain",
    "text",
    "machines",
    "durable",
    "transcripts",
    "learning",
    "files",
    "process",
    "memory-files",
    "delivery",
    "validation",
    "agents",
    "services",
  ],
  // Many processes on one store: who begins what, and how one of them ends.
  fleet: ["domain", "durable", "engine"],
  // What the command line and the server may use beside the nouns of `domain`: thin pages by theme, so that a command
  // loads what it needs and a folder can be rebuilt behind them.
  internal: [
    "domain",
    "machines",
    "durable",
    "process",
    "import",
    "transcripts",
    "extraction",
    "extractive",
    "eval",
    "sandbox",
    "persistence",
    "codex-home",
    "files",
    "memory-files",
    "delivery",
    "agents",
    "services",
    "learning",
    "engine",
    "fleet",
  ],
  server: ["domain", "internal"],
  cli: ["domain", "text", "internal", "server"],
  "index.ts": ["domain", "files", "machines", "durable", "memory-files", "engine"],
};

const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+"(\.[^"]+)"|import\(\s*"(\.[^"]+)"/g;
const SRC = resolve("src");

test("the folders of src import only what the table lets them, and the table has no circle", () => {
  const folders = Object.keys(MAY_IMPORT);
  const upwards = folders.flatMap((folder, at) =>
    (MAY_IMPORT[folder] ?? [])
      .filter((other) => folders.indexOf(other) >= at)
      .map((other) => `${folder} → ${other}`),
  );
  expect(upwards).toEqual([]);
  const wrong: string[] = [];
  for (const file of sources()) {
    const folder = folderOf(file);
    for (const target of importsOf(file)) {
      if (folder !== folderOf(target) && !MAY_IMPORT[folder]?.includes(folderOf(target)))
        wrong.push(`${relative(SRC, file)} → ${relative(SRC, target)}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("only the PostgreSQL store knows the package pg, and one file pg-boss, so that everybody else needs none", () => {
  const PG = /(?:from|import\()\s*"pg(?:-[a-z]+)?"/;
  const files = sources()
    .filter((file) => PG.test(code(file)))
    .map((file) => relative(SRC, file));
  const places = files.map((file) => (file === join("fleet", "pg-boss.ts") ? file : dirname(file)));
  expect([...new Set(places)].sort()).toEqual([join("fleet", "pg-boss.ts"), join("persistence", "postgres")]);
});

/** Where the clocks come from that are passed in where a host gives none. */
const CLOCKS = [join("durable", "system.ts"), join("persistence", "machine-clock.ts")];

test("time, randomness and ids are passed in: nothing below the engine reads a clock or throws dice", () => {
  const FORBIDDEN =
    /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|randomUUID|randomBytes|randomInt)\b/;
  const wrong = sources()
    .filter((file) => !["engine", "fleet", "server", "cli"].includes(folderOf(file)))
    .filter((file) => !CLOCKS.includes(relative(SRC, file)))
    .filter((file) => FORBIDDEN.test(code(file)))
    .map((file) => relative(SRC, file));
  expect(wrong).toEqual([]);
});

test("a file is one theme: none is longer than 500 lines but a machine, which must be one literal", () => {
  const long = sources()
    .filter((file) => readFileSync(file, "utf8").split("\n").length > 500)
    .map((file) => relative(SRC, file));
  expect(long.sort()).toEqual(["machines/phase1.ts", "machines/phase2.ts"]);
});

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(SRC, name));
}

function folderOf(file: string): string {
  return relative(SRC, file).split("/")[0] ?? "";
}

function importsOf(file: string): string[] {
  return [...code(file).matchAll(IMPORT)].map((found) => resolve(dirname(file), found[1] ?? found[2] ?? ""));
}

/** Without comments, so that a sentence about a clock is no clock. */
function code(file: string): string {
  return readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, "");
}
