import type { Folder } from "../files/folder.ts";
import { type HostFile, isHostPath, manifestOf } from "../memory-files/host-files.ts";
import { scan } from "../memory-files/scan.ts";
import type { Base } from "./base.ts";
import type { Candidate } from "./check.ts";
import { fileLimit } from "./limits.ts";

/** Reads a workspace once; what is judged is what was read then, whatever happens to the files later. */
export async function candidateIn(
  workspace: Folder,
  evidence: readonly HostFile[],
  base: Base,
): Promise<Candidate> {
  const { manifest, problems, kept } = await scan(workspace, {
    limit: fileLimit,
    keep: (path) => !isHostPath(path),
    litter: "foreign",
  });
  const bytes = (path: string) => kept.get(path) ?? null;
  const texts = new Map<string, string | null>();
  const text = (path: string) => {
    const known = texts.get(path);
    if (known !== undefined) return known;
    const content = bytes(path);
    const made = content === null ? null : decoded(content);
    texts.set(path, made);
    return made;
  };
  return { manifest, problems, expected: manifestOf(evidence), evidence, base, bytes, text };
}

function decoded(content: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return null;
  }
}
