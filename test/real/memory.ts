import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { commandLine } from "../cli/invoke.ts";

export interface Memory {
  readonly handbook: string;
  readonly summary: string;
}

export const SAMPLES = resolve("samples/stage1.jsonl");

/** What our own extractive agent makes of the samples: a memory the gate accepts. */
export async function consolidatedMemory(): Promise<Memory> {
  const { slowwave, home } = commandLine();
  await slowwave("import", SAMPLES);
  await slowwave("run");
  const read = (name: string) => readFileSync(join(home, "memories", name), "utf8");
  return { handbook: read("MEMORY.md"), summary: read("memory_summary.md") };
}

/** The command that writes it into the working folder; packed, since no word of a command may pass 128 KiB. */
export function writtenByShell({ handbook, summary }: Memory): string {
  const file = (name: string, text: string) =>
    `echo ${gzipSync(text).toString("base64")} | base64 -d | gzip -d > ${name}`;
  return `${file("MEMORY.md", handbook)}; ${file("memory_summary.md", summary)}`;
}
