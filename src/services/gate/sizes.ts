import type { GateCode } from "../../domain/gate.ts";
import { isHostPath } from "../artifacts/host-files.ts";
import { shownPath } from "../workspace/memory-path.ts";
import type { Candidate, Check, Remark } from "./check.ts";
import { fileLimit, GATE_LIMITS, sizeText } from "./limits.ts";

/** Stored sizes of what the agent wrote: each file, all together, and how many. */
export const sizes: Check = (candidate) => [...largeFiles(candidate), ...total(candidate)];

function largeFiles({ problems }: Candidate): readonly Remark[] {
  return problems
    .filter(({ path, kind }) => kind === "too-large" && !isHostPath(path))
    .map(({ path }) => {
      const [shown, limit] = [shownPath(path), sizeText(fileLimit(path))];
      return repair(
        "file_too_large",
        shown,
        `${shown} is larger than ${limit}.`,
        `Shorten ${shown} to less than ${limit}, keeping what is most useful.`,
      );
    });
}

function total({ manifest }: Candidate): readonly Remark[] {
  const written = manifest.filter(({ path }) => !isHostPath(path));
  const bytes = written.reduce((sum, entry) => sum + entry.bytes, 0);
  const remarks: Remark[] = [];
  if (bytes > GATE_LIMITS.totalBytes) {
    const limit = sizeText(GATE_LIMITS.totalBytes);
    const message = `The agent's files are larger than ${limit} together.`;
    remarks.push(
      repair("memory_too_large", null, message, `Shorten your files to less than ${limit} in all.`),
    );
  }
  if (written.length > GATE_LIMITS.files) {
    const message = `The agent left more than ${GATE_LIMITS.files} files.`;
    remarks.push(repair("too_many_files", null, message, `Keep at most ${GATE_LIMITS.files} files.`));
  }
  return remarks;
}

function repair(code: GateCode, path: string | null, message: string, ask: string): Remark {
  return { finding: { code, path, message, repair: ask } };
}
