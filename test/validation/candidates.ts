import { latestFirst, type Stage1Output } from "../../src/domain/memory.ts";
import { type ConsolidateInput, consolidate } from "../../src/extractive/consolidate.ts";
import { hostFiles, manifestOf } from "../../src/memory-files/host-files.ts";
import type { Candidate } from "../../src/validation/candidate.ts";
import { type Base, NO_BASE } from "../../src/validation/candidate.ts";
import { quarantine } from "../../src/validation/quarantine.ts";
import { residue } from "../../src/validation/residue.ts";
import { judge, verdictOf } from "../../src/validation/verify-workspace.ts";

/** What an agent wrote, by path; the host's files follow from the inputs. */
export type Written = Readonly<Record<string, string>>;

/** A workspace as the gate reads it, made from texts alone. */
export async function candidateOf(
  inputs: readonly Stage1Output[],
  written: Written,
  base: Base = NO_BASE,
): Promise<Candidate> {
  const evidence = await hostFiles(inputs.toSorted(latestFirst));
  const expected = manifestOf(evidence);
  const entries = Object.entries(written).map(([path, text]) => ({
    path,
    hash: text,
    bytes: Buffer.byteLength(text),
  }));
  return {
    manifest: [...entries, ...expected],
    problems: [],
    expected,
    evidence,
    base,
    text: (path) => written[path] ?? null,
    bytes: (path) => (path in written ? Buffer.from(written[path] ?? "") : null),
  };
}

/** The base that a candidate becomes once it is published. */
export function baseOf({ manifest, text }: Candidate): Base {
  return { manifest, text, handEdits: {}, history: async () => [] };
}

/** Everything the gate says of a candidate, cuts included; that inputs hold orders is no fault of the agent's. */
export async function verdictOn(candidate: Candidate) {
  const rules = { severities: { input_instruction: "off" }, repairsLeft: 2 } as const;
  const { candidate: clean, remarks } = await quarantine(candidate);
  const { remarks: more } = await judge(clean, rules);
  return verdictOf([...remarks, ...(await residue(candidate)), ...more], rules);
}

/** What the built-in agent makes of these inputs, and of what a person did to the memory. */
export async function consolidatedFiles(
  inputs: readonly Stage1Output[],
  edited: Pick<ConsolidateInput, "handEdits" | "memory"> = {},
) {
  const evidence = await hostFiles(inputs.toSorted(latestFirst));
  const texts = new Map(evidence.map(({ path, content }) => [path, Buffer.from(content).toString()]));
  const { memory, summary } = consolidate({
    ...edited,
    rawMemories: texts.get("raw_memories.md") ?? "",
    summaries: [...texts]
      .filter(([path]) => path.startsWith("rollout_summaries/"))
      .map(([path, text]) => ({ name: path.slice("rollout_summaries/".length), text })),
  });
  return { "MEMORY.md": memory, "memory_summary.md": summary };
}
