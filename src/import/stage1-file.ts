import type { Stage1Input } from "../domain/memory.ts";
import { redacted } from "../text/redact.ts";
import { linesOf } from "./lines.ts";
import { normalised } from "./normalise.ts";
import { recordOf } from "./record.ts";
import type { Rejection } from "./rejection.ts";

export interface Stage1File {
  /** In the order of the file. */
  readonly outputs: readonly Stage1Input[];
  readonly rejected: readonly Rejection[];
  /** How many secrets were replaced in the two texts. */
  readonly secrets: number;
}

/**
 * Reads stage-1 outputs from JSONL (contract, section 2): checked line by line, texts normalised and freed of
 * secrets. Decides nothing about what to do with rejected lines. Errors of the stream itself are passed on.
 */
export async function readStage1(chunks: AsyncIterable<Uint8Array>): Promise<Stage1File> {
  const outputs: Stage1Input[] = [];
  const rejected: Rejection[] = [];
  let secrets = 0;
  for await (const line of linesOf(chunks)) {
    const record = "rejection" in line ? line.rejection : recordOf(line.number, line.text);
    if (!("input" in record)) {
      rejected.push(record);
      continue;
    }
    const { input } = record;
    const rawMemory = await redacted(normalised(input.rawMemory));
    const rolloutSummary = await redacted(normalised(input.rolloutSummary));
    secrets += rawMemory.count + rolloutSummary.count;
    outputs.push({ ...input, rawMemory: rawMemory.text, rolloutSummary: rolloutSummary.text });
  }
  return { outputs, rejected, secrets };
}
