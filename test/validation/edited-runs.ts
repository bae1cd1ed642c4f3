import type { Finding, Generation, HandEdits } from "../../src/domain/generation.ts";
import type { Stage1Output } from "../../src/domain/memory.ts";
import {
  carryOverMemory,
  handEditsDiff,
  locateMemoryEdits,
  recordMemoryEdits,
} from "../../src/memory-files/memory-edits.ts";
import { baseOf, candidateOf, consolidatedFiles, verdictOn, type Written } from "./candidates.ts";

/** One version of a memory; a file's text is its own hash. */
export interface Version {
  readonly files: Written;
  readonly edits: HandEdits;
  readonly parent: Version | null;
}

const manifestOf = (files: Written) =>
  Object.entries(files).map(([path, hash]) => ({ path, hash, bytes: Buffer.byteLength(hash) }));
export const blob = async (hash: string) => Buffer.from(hash);
export const memoryOf = ({ files, edits }: Version) => ({ manifest: manifestOf(files), edits });

/** What an agent leaves, given the notes, the memory as it stands, and what a person did to it. */
export type Agent = (
  inputs: readonly Stage1Output[],
  files: Written,
  handEdits: string | null,
) => Promise<Written>;

/** It leaves skills as they are. */
export const builtIn: Agent = async (inputs, files, handEdits) => {
  const skills = Object.entries(files).filter(([path]) => path.startsWith("skills/"));
  const memory = files["MEMORY.md"] ?? null;
  return { ...Object.fromEntries(skills), ...(await consolidatedFiles(inputs, { handEdits, memory })) };
};

/** An agent's run on a version, with everything that the host does before the gate and after it. */
export async function run(
  version: Version | null,
  inputs: readonly Stage1Output[],
  agent: Agent = builtIn,
): Promise<{ readonly version: Version; readonly findings: readonly Finding[] }> {
  if (version === null) {
    const files = await consolidatedFiles(inputs);
    return { version: { files, edits: {}, parent: null }, findings: [] };
  }
  const generationOf = ({ edits, parent }: Version) =>
    ({ handEdits: edits, kind: parent === null ? "published" : "edited", parent: "parent" }) as Generation;
  const generations = {
    blob,
    read: async () => (version.parent === null ? null : generationOf(version.parent)),
    manifest: async () => (version.parent === null ? null : manifestOf(version.parent.files)),
  };
  const manifest = manifestOf(version.files);
  const handEdits = await handEditsDiff(generations, { generation: generationOf(version), manifest });
  const made = await agent(inputs, version.files, handEdits);
  const left = new Map(Object.entries(made).map(([path, text]) => [path, Buffer.from(text)]));
  const carried = await carryOverMemory(memoryOf(version), left, blob);
  const files: Record<string, string> = { ...made };
  for (const [path, bytes] of carried) {
    if (bytes === null) delete files[path];
    else files[path] = Buffer.from(bytes).toString();
  }
  const base = { ...baseOf(await candidateOf(inputs, version.files)), handEdits: version.edits };
  const { findings } = await verdictOn(await candidateOf(inputs, files, base));
  const edits = await locateMemoryEdits(memoryOf(version), manifestOf(files), blob);
  return { version: { files, edits, parent: null }, findings };
}

/** What a person makes of one file of it. */
export async function edit(
  version: Version,
  path: string,
  change: (text: string) => string,
): Promise<Version> {
  const files = { ...version.files, [path]: change(version.files[path] ?? "") };
  const edits = await recordMemoryEdits(memoryOf(version), manifestOf(files), blob);
  return { files, edits, parent: version };
}
