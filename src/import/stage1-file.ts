import type { Stage1Output } from "../domain/memory.ts";
import { linesOf, type Rejection } from "./lines.ts";
import { cleanRecords, judgeRecord } from "./record.ts";

export interface Stage1File {
  /** In the order of the file; as `store.memories.upsert` would make them. */
  readonly outputs: readonly Stage1Output[];
  readonly rejected: readonly Rejection[];
  /** How many secrets were replaced in the two texts. */
  readonly secrets: number;
}

/**
 * Reads stage-1 outputs from JSONL: checked line by line, texts normalised and freed of secrets. Decides nothing about
 * what to do with rejected lines. Errors of the stream itself are passed on.
 */
export async function readStage1(chunks: AsyncIterable<Uint8Array>): Promise<Stage1File> {
  const outputs: Stage1Output[] = [];
  const rejected: Rejection[] = [];
  let secrets = 0;
  for await (const line of linesOf(chunks)) {
    const parsed = "rejection" in line ? line.rejection : parseLine(line.number, line.text);
    if (!("record" in parsed)) {
      rejected.push(parsed);
      continue;
    }
    const { records, redacted } = await cleanRecords([parsed.record]);
    outputs.push(...records);
    secrets += redacted;
  }
  return { outputs, rejected, secrets };
}

/** One line as a record, texts still as they came, or the first thing that is wrong with it. */
export function parseLine(line: number, text: string): { readonly record: Stage1Output } | Rejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be a secret; the place is enough.
    return {
      line,
      code: "invalid_json",
      message: "The line is not valid JSON; each line is one JSON object.",
    };
  }
  const verdict = judgeRecord(value, "snake");
  return "record" in verdict ? verdict : { line, ...verdict };
}
