import { resolve } from "node:path";
import { Readable } from "node:stream";
import type { Command } from "commander";
import { nodeFiles } from "../../internal/files.ts";
import { serveMcp } from "../../internal/mcp.ts";
import { openSqliteStore } from "../../internal/store.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openStore, rootOf } from "../store.ts";
import { packageVersion } from "../version.ts";

export function addMcp(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  program
    .command("mcp")
    .summary("the memory as an MCP server, on stdin and stdout")
    .description(
      "Serves the Model Context Protocol: the recall of the client's folder as instructions, and the tools memory_search, " +
        "memory_read, memory_recall and memory_note. Agents start it; `slowwave connect AGENT --how mcp` registers it.",
    )
    .option("--for <dir>", "the folder the client works in (default: this one)")
    .addHelpText("after", examples("slowwave mcp", "slowwave mcp --for ~/projects/shop"))
    .action(({ for: folder }: { for?: string }, command: Command) =>
      end(mcp(invocation(shell, command), folder ?? ".")),
    );
}

/** Until the client goes away or a signal comes; nothing but the protocol is written to stdout. */
async function mcp(at: Invocation, folder: string): Promise<number> {
  const { places, world, output } = at;
  // Only for a sentence about a home that can't be used; a note opens the store when it comes.
  await (await openStore(places, output)).close();
  const stdin = world.stdin instanceof Readable ? world.stdin : Readable.from(world.stdin);
  const serving = await serveMcp(
    {
      home: places.home,
      space: places.space,
      root: rootOf(places, places.space),
      folder: resolve(world.cwd, folder),
      version: packageVersion(),
      files: nodeFiles(),
      nowMs: world.nowMs,
      take: async (note) => {
        const store = await openSqliteStore({ path: places.database });
        try {
          return await store.memories.upsert(places.space, [note]);
        } finally {
          await store.close();
        }
      },
    },
    stdin,
    world.stdout as NodeJS.WriteStream,
  );
  const release = world.onSignal(() => void serving.stop());
  await serving.ended;
  release();
  return EXIT.ok;
}
