import { isHostPath } from "../memory-files/host-files.ts";
import { SCAN_LIMITS } from "../memory-files/memory-path.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** What an agent may leave, as stored. What readers inject into a prompt is another matter, and much less. */
export const GATE_LIMITS = {
  /** Tokens of memory_summary.md that readers load, by our own careful estimate; not a limit of what is stored. */
  injectedTokens: 2_500,
  summaryBytes: 32 * KIB,
  handbookBytes: 2 * MIB,
  skillFileBytes: 1 * MIB,
  totalBytes: 16 * MIB,
  files: 1000,
} as const;

/** Stored size of one file, by its path. The host's own files are bounded by their inputs. */
export function fileLimit(path: string): number {
  if (isHostPath(path)) return SCAN_LIMITS.fileBytes;
  if (path === "memory_summary.md") return GATE_LIMITS.summaryBytes;
  return path === "MEMORY.md" ? GATE_LIMITS.handbookBytes : GATE_LIMITS.skillFileBytes;
}

export function sizeText(bytes: number): string {
  return bytes >= MIB ? `${bytes / MIB} MiB` : `${bytes / KIB} KiB`;
}
