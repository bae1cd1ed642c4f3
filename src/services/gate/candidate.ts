import type { Manifest } from "../../domain/generation.ts";
import { isHostPath } from "../artifacts/host-files.ts";
import type { Folder } from "../workspace/files.ts";
import { scan } from "../workspace/scan.ts";
import type { Candidate } from "./check.ts";
import { fileLimit } from "./limits.ts";

/** Reads a workspace once; what is judged is what was read then, whatever happens to the files later. */
export async function candidateIn(workspace: Folder, expected: Manifest, base: Manifest): Promise<Candidate> {
  const { manifest, problems, kept } = await scan(workspace, {
    limit: fileLimit,
    keep: (path) => !isHostPath(path),
    litter: "foreign",
  });
  const bytes = (path: string) => kept.get(path) ?? null;
  return {
    manifest,
    problems,
    expected,
    base,
    bytes,
    text: (path) => {
      const content = bytes(path);
      return content === null ? null : decoded(content);
    },
  };
}

function decoded(content: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return null;
  }
}
