import type { Manifest } from "../domain/generation.ts";
import type { GateCode } from "../domain/settings.ts";
import { isHostPath } from "../memory-files/host-files.ts";
import { pathText } from "../text/sanitize.ts";
import { tokensOf } from "../text/tokens.ts";
import { type Candidate, type Check, fileLimit, GATE_LIMITS, type Remark, sizeText } from "./candidate.ts";

/**
 * Stored sizes of what the agent wrote: each file, all together, and how many. What was too much before the run, by a
 * person's own hand, and has not become more, is no fault of the agent's: refusing it would keep the memory from ever
 * being renewed.
 */
export const sizes: Check = (candidate) => [
  ...largeFiles(candidate),
  ...total(candidate),
  ...count(candidate),
];

function largeFiles({ problems, base }: Candidate): readonly Remark[] {
  const before = new Map(base.manifest.map(({ path, bytes }) => [path, bytes]));
  return problems
    .filter(({ path, kind }) => kind === "too-large" && !isHostPath(path))
    .map(({ path }) => {
      const [shown, limit] = [pathText(path), sizeText(fileLimit(path))];
      const wasLarge = (before.get(path) ?? 0) > fileLimit(path);
      const hint = wasLarge ? " It was that large before the run; shorten it by hand." : "";
      return repair(
        "file_too_large",
        shown,
        `${shown} is larger than ${limit}.${hint}`,
        `Shorten ${shown} to less than ${limit}, keeping what is most useful.`,
      );
    });
}

function total({ manifest, base }: Candidate): readonly Remark[] {
  const [bytes, before] = [bytesOf(manifest), bytesOf(base.manifest)];
  const limit = sizeText(GATE_LIMITS.totalBytes);
  if (bytes <= GATE_LIMITS.totalBytes) return [];
  if (bytes <= before) return [kept(`The memory is larger than ${limit}, as it was before this run.`)];
  const message = `The agent's files are larger than ${limit} together.`;
  return [repair("memory_too_large", null, message, `Shorten your files to less than ${limit} in all.`)];
}

function count({ manifest, base }: Candidate): readonly Remark[] {
  const [files, before] = [written(manifest).length, written(base.manifest).length];
  if (files <= GATE_LIMITS.files) return [];
  if (files <= before) {
    return [
      kept(`The memory holds ${files} files, more than ${GATE_LIMITS.files}, as it did before this run.`),
    ];
  }
  const message = `The agent left more than ${GATE_LIMITS.files} files.`;
  return [repair("too_many_files", null, message, `Keep at most ${GATE_LIMITS.files} files.`)];
}

function written(manifest: Manifest): Manifest {
  return manifest.filter(({ path }) => !isHostPath(path));
}

function bytesOf(manifest: Manifest): number {
  return written(manifest).reduce((sum, { bytes }) => sum + bytes, 0);
}

function kept(message: string): Remark {
  return { finding: { code: "size_kept", path: null, message, repair: null } };
}

function repair(code: GateCode, path: string | null, message: string, ask: string): Remark {
  return { finding: { code, path, message, repair: ask } };
}

const SUMMARY_PATH = "memory_summary.md";

/**
 * What readers load of the summary, apart from what may be stored: they stop at a number of tokens, so that a longer
 * one is not wrong but cut. The agent is asked to shorten it; when it can't, the person learns what is cut.
 */
export const summaryLength: Check = ({ text }) => {
  const summary = text(SUMMARY_PATH);
  const tokens = summary === null ? 0 : tokensOf(summary);
  if (summary === null || tokens <= GATE_LIMITS.injectedTokens) return [];
  const line = firstLineCut(summary);
  return [
    {
      finding: {
        code: "summary_too_long",
        path: SUMMARY_PATH,
        message: `${SUMMARY_PATH} has about ${tokens} tokens; readers load ${GATE_LIMITS.injectedTokens}, so everything from line ${line} on is not seen.`,
        repair: `Shorten ${SUMMARY_PATH} from about ${tokens} to less than ${GATE_LIMITS.injectedTokens} tokens (about ${GATE_LIMITS.injectedTokens * 3} characters): keep the index complete, shorten or drop the least useful lines.`,
      },
    },
  ];
};

function firstLineCut(summary: string): number {
  const lines = summary.split("\n");
  let tokens = 0;
  const at = lines.findIndex((line) => {
    tokens += tokensOf(`${line}\n`);
    return tokens > GATE_LIMITS.injectedTokens;
  });
  return at < 0 ? lines.length : at + 1;
}
