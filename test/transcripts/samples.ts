import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import {
  READERS,
  type ReadingReport,
  type ReadOptions,
  type TranscriptFile,
  transcriptAt,
  type Utterance,
} from "../../src/transcripts/index.ts";

export const SAMPLES = "samples/sessions";
/** What a single file can hold of a session. */
export const SAMPLE_FILES = readdirSync(SAMPLES).filter((name) => /\.jsonl$|export\.json$/.test(name));

export function sampleText(name: string): string {
  return readFileSync(join(SAMPLES, name), "utf8");
}

/** A folder that is gone after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-transcripts-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function lay(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** Objects as the lines of a file. */
export function jsonLines(...values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

export interface Read {
  readonly utterances: readonly Utterance[];
  readonly report: ReadingReport;
}

export async function readAll(file: TranscriptFile, options: ReadOptions = {}): Promise<Read> {
  const reading = READERS[file.agent].read(file, options);
  const utterances: Utterance[] = [];
  for await (const utterance of reading) utterances.push(utterance);
  return { utterances, report: { ...reading.report, passedOver: { ...reading.report.passedOver } } };
}

export async function readAt(path: string, options: ReadOptions = {}): Promise<Read> {
  return readAll(await transcriptAt(path), options);
}

/** `person: text`, one a line, tools with how they ended. */
export function talk(utterances: readonly Utterance[]): readonly string[] {
  return utterances.map(({ tier, text, tool }) => {
    const first = text.split("\n")[0] ?? "";
    if (tool === undefined) return `${tier}: ${first}`;
    const end = tool.ok === null ? "unknown" : tool.ok ? "ok" : "failed";
    const files = tool.files.length === 0 ? "" : ` [${tool.files.join(", ")}]`;
    return `tool ${tool.name} (${end})${files}: ${(tool.command ?? tool.input).split("\n")[0]}`;
  });
}

export async function listed(files: AsyncIterable<TranscriptFile>): Promise<readonly TranscriptFile[]> {
  const all: TranscriptFile[] = [];
  for await (const file of files) all.push(file);
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}
