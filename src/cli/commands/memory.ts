import type { Command } from "commander";
import { listMemory, readMemoryFile, searchMemory } from "../../internal/delivery.ts";
import { nodeFiles } from "../../internal/files.ts";
import { countOption, EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { rootOf } from "../store.ts";
import { bold, counted, dim } from "../ui/text.ts";

export function addMemory(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  const memory = program
    .command("memory")
    .summary("read and search the published memory")
    .description("Reads and searches the memory as it stands in its folder.");
  memory
    .command("show")
    .argument("[file]", "a file of the memory, such as MEMORY.md (default: the list of them)")
    .summary("the files of the memory, or one of them")
    .addHelpText("after", examples("slowwave memory show", "slowwave memory show memory_summary.md"))
    .action((file: string | undefined, _: object, command: Command) =>
      end(show(invocation(shell, command), file)),
    );
  memory
    .command("search")
    .argument("<words...>", "lines that hold all of them, whatever their case")
    .summary("lines of the memory that hold all the words")
    .addOption(countOption("--limit <n>", "the most lines shown", 20))
    .addHelpText(
      "after",
      examples("slowwave memory search lease renewal", "slowwave memory search pnpm --json"),
    )
    .action((words: readonly string[], { limit }: { limit: number }, command: Command) =>
      end(search(invocation(shell, command), words.join(" "), limit)),
    );
}

async function show({ places, output, json }: Invocation, file: string | undefined): Promise<number> {
  const root = rootOf(places, places.space);
  if (file !== undefined) {
    const text = await readMemoryFile(nodeFiles(), root, file);
    if (json) output.printJson({ path: file, text });
    else output.printText(text.trimEnd());
    return EXIT.ok;
  }
  const files = await listMemory(nodeFiles(), root);
  if (json) output.printJson({ root, files });
  else if (files.length === 0)
    output.print("Nothing is published here yet; `slowwave run` makes the memory.");
  else {
    output.print(dim(root));
    for (const { path, bytes } of files) output.print([path, dim(`  ${counted(bytes, "byte")}`)]);
  }
  return EXIT.ok;
}

async function search({ places, output, json }: Invocation, words: string, limit: number): Promise<number> {
  const answer = await searchMemory(nodeFiles(), rootOf(places, places.space), { words, limit });
  if (json) {
    output.printJson(answer);
    return EXIT.ok;
  }
  for (const { path, line, text } of answer.found) output.print([bold(`${path}:${line}`), `  ${text}`]);
  if (answer.found.length === 0) output.print("No line of the memory holds all of these words.");
  if (answer.left > 0) output.info(dim(`… and ${counted(answer.left, "more line")}; --limit shows them`));
  return EXIT.ok;
}
