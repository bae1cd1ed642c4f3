import { RAW_MEMORIES, SUMMARIES } from "../host-files.ts";
import { cut, scrubHandbook } from "./scrub-handbook.ts";
import type { Traces } from "./traces.ts";

/** `untold`: what is the thread's can't be told apart from the rest of the file. */
export type Scrubbed = { readonly text: string } | "unchanged" | "gone" | "untold";

/** One file of a memory without a thread. Host files fall into parts by their headings, the others by their lines. */
export function scrubFile(path: string, bytes: Uint8Array, threadId: string, traces: Traces): Scrubbed {
  const text = Buffer.from(bytes).toString();
  if (!traces.hits(text)) return "unchanged";
  if (path.startsWith(`${SUMMARIES}/`) && isSummaryOf(text, threadId)) return "gone";
  if (path === "MEMORY.md") {
    const handbook = scrubHandbook(text, traces);
    return handbook === null ? "untold" : { text: handbook };
  }
  const lines = path === RAW_MEMORIES ? otherThreads(text, threadId) : text.split("\n");
  return { text: lines.filter((line) => !traces.hits(line)).join("\n") };
}

function isSummaryOf(text: string, threadId: string): boolean {
  return text.startsWith(`thread_id: ${threadId}\n`) || text.startsWith(`thread_id: ${threadId}\r\n`);
}

function otherThreads(text: string, threadId: string): readonly string[] {
  return cut(text.split("\n"), (line) => line.startsWith("## Thread `"))
    .filter(([heading]) => heading !== `## Thread \`${threadId}\``)
    .flat();
}
