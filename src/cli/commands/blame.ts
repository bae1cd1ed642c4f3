import { join } from "node:path";
import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { explainLine, type LineOrigin, readWorkspace } from "../../internal/evaluation.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { rootOf } from "../store.ts";
import { bold, dim } from "../ui/text.ts";

export function addBlame(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("blame")
    .argument("<file:line>", "a line of the handbook, such as MEMORY.md:42")
    .summary("which sessions said a line of the memory, when, and what it replaced")
    .description(
      "Names the sessions behind a line of MEMORY.md, when it was first said and last confirmed, and the statements whose place it took.",
    )
    .addHelpText("after", examples("slowwave blame MEMORY.md:42", "slowwave blame MEMORY.md:42 --json"))
    .action((place: string, _: object, command: Command) => end(blame(invocation(shell, command), place)));
}

async function blame({ places, output, json }: Invocation, place: string): Promise<number> {
  const match = /^(?:.*\/)?MEMORY\.md:(\d{1,7})$/.exec(place);
  if (match === null)
    throw new SlowwaveError(
      "invalid_usage",
      `"${place}" names no line; write MEMORY.md, a colon and a line number, such as MEMORY.md:42.`,
    );
  const root = rootOf(places, places.space);
  const { memory, ...input } = readWorkspace(root);
  const line = Number(match[1]);
  if (memory === null || line < 1 || line > memory.split("\n").length)
    throw new SlowwaveError(
      "invalid_usage",
      memory === null
        ? `There is no ${join(root, "MEMORY.md")} yet; \`slowwave run\` makes it.`
        : `MEMORY.md has ${memory.split("\n").length} lines; there is no line ${line}.`,
    );
  const origin = explainLine(input, memory, line);
  if (json) output.printJson(origin);
  else printOrigin(origin, output);
  return EXIT.ok;
}

function printOrigin(origin: LineOrigin, output: Invocation["output"]): void {
  output.print(bold(origin.text));
  if (origin.firstSeen !== null)
    output.print(dim(`first seen ${origin.firstSeen}, last confirmed ${origin.lastConfirmed}`));
  for (const { threadId, updatedAt, file } of origin.sessions)
    output.print(["  ", threadId, dim(`  ${updatedAt}  ${file}`)]);
  if (origin.sessions.length === 0) output.print(dim("  no session is behind this line"));
  for (const { text, lastConfirmed } of origin.replaced)
    output.print(["  replaced: ", text, dim(`  (last said ${lastConfirmed})`)]);
}
