/** The first minute: a home of its own, the samples in it, one consolidation, and where to go from there. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "../src/cli/main.ts";
import { createOutput } from "../src/cli/ui/output.ts";
import { bold, clipped, cyan, dim } from "../src/cli/ui/text.ts";
import { processWorld } from "../src/cli/world.ts";

const SHOWN_LINES = 24;
const LINE_LENGTH = 110;
/** Works from the checkout with whatever Node is installed: npm puts the right one first. */
const COMMAND = "npm run -s slowwave --";

const samples = fileURLToPath(new URL("../samples/stage1.jsonl", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "slowwave-"));
const world = processWorld();
const output = createOutput(world);

output.info([bold("Slowwave"), " turns what many coding-agent sessions learned into one memory."]);
output.info(dim(`This is a trial in a fresh home, ${home}; nothing else is touched.`), "");

await step("1. Import the sample notes", "import", samples);
await step("2. Consolidate them", "run");

const memory = join(home, "memories");
output.info(
  "",
  bold(`3. What came of it, in ${memory}`),
  dim("   the first lines of memory_summary.md:"),
  "",
);
output.printText(indented(readFileSync(join(memory, "memory_summary.md"), "utf8")));
output.info(
  "",
  bold("Try next"),
  tip(`less ${join(memory, "MEMORY.md")}`, "the handbook"),
  tip(`${COMMAND} runs show last --home ${home}`, "how the run went"),
  tip(`${COMMAND} status --home ${home}`, "what the space is waiting for"),
  tip(`${COMMAND} run --home ${home}`, "again: nothing is due"),
  tip(`${COMMAND} --help`, "everything else"),
);

/** One command of the real command line; the trial ends where it fails. */
async function step(title: string, ...argv: readonly string[]): Promise<void> {
  output.info(bold(title));
  const code = await main({ ...world, argv: [...argv, "--home", home] });
  if (code !== 0) process.exit(code);
}

function indented(text: string): string {
  const lines = text.trimEnd().split("\n");
  const shown = lines.slice(0, SHOWN_LINES).map((line) => `   ${clipped(line, LINE_LENGTH)}`);
  return [
    ...shown,
    ...(lines.length > SHOWN_LINES ? [`   … ${lines.length - SHOWN_LINES} more lines`] : []),
  ].join("\n");
}

function tip(command: string, what: string) {
  return ["  ", cyan(command), dim(`   ${what}`)];
}
