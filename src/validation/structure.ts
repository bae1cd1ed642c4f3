import type { Manifest } from "../domain/generation.ts";
import type { GateCode } from "../domain/settings.ts";
import { isHostPath } from "../memory-files/host-files.ts";
import { isMemoryFile } from "../memory-files/memory-path.ts";
import type { Problem, ProblemKind } from "../memory-files/scan.ts";
import { pathText } from "../text/sanitize.ts";
import { tokensOf } from "../text/tokens.ts";
import { type Candidate, type Check, fileLimit, GATE_LIMITS, type Remark, sizeText } from "./candidate.ts";

const REQUIRED = ["MEMORY.md", "memory_summary.md"];

/** The handbook and the summary are there and say something. */
export const requiredFiles: Check = ({ manifest, problems }) =>
  REQUIRED.filter((path) => !problems.some((problem) => problem.path === path && problem.kind !== "foreign"))
    .filter((path) => !manifest.some((entry) => entry.path === path && entry.bytes > 0))
    .map((path) => ({
      finding: {
        code: "missing_file",
        path,
        message: `The agent left no ${path}, or an empty one.`,
        repair: `Write ${path} in the workspace; it must not be empty.`,
      },
    }));

const PATH = "memory_summary.md";

/** Readers know the format of the summary by its first line. */
export const summaryVersion: Check = (candidate) => {
  const text = candidate.text(PATH);
  if (text === null || text === "" || firstLine(text) === "v1") return [];
  return [
    {
      finding: {
        code: "summary_version",
        path: PATH,
        message: `${PATH} does not begin with the line "v1".`,
        repair: `The first line of ${PATH} must be exactly v1, with nothing before or after it on that line.`,
      },
    },
  ];
};

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}

const WHAT: Partial<Record<ProblemKind, string>> = {
  symlink: "a symlink",
  special: "a device, pipe or socket",
  "hard-link": "a hard link: its content has another name",
  unreadable: "not readable",
};

/** Where the memory has files, nothing but regular files that nobody shares. The host's own are restored elsewhere. */
export const regularFiles: Check = ({ problems }) =>
  problems.flatMap(({ path, kind }) => {
    const what = WHAT[kind];
    if (what === undefined || isHostPath(path) || !isMemoryFile(path)) return [];
    return {
      finding: {
        code: "not_regular_file",
        path: pathText(path),
        message: `${pathText(path)} is ${what}; only regular files can be part of the memory.`,
        repair: `Remove ${pathText(path)} and write it as a new regular file.`,
      },
    };
  });

/** What doesn't belong to a memory: helper files an agent left behind are taken away and cost nobody the result. */
export const allowedPaths: Check = ({ problems }) =>
  problems.flatMap((problem): readonly Remark[] => {
    const path = pathText(problem.path);
    if (problem.kind === "too-many") return [tooMany(path)];
    if (!isLeftover(problem)) return [];
    const message = `${path} is not part of a memory and was removed.`;
    const finding = { code: "leftover_removed", path, message, repair: null } as const;
    return [{ finding, fix: { do: "remove", path: problem.path } }];
  });

function isLeftover({ path, kind }: Problem): boolean {
  if (kind === "foreign" || kind === "too-deep") return true;
  const isOdd = kind === "symlink" || kind === "special" || kind === "unreadable";
  return isOdd && !isHostPath(path) && !isMemoryFile(path);
}

function tooMany(path: string): Remark {
  const message = "The agent left more files than can be looked through.";
  return { finding: { code: "workspace_overflow", path, message, repair: null } };
}

/** A memory is text: valid UTF-8 without NUL, in every file the agent wrote. */
export const textOnly: Check = (candidate) =>
  candidate.manifest
    .filter(({ path }) => !isHostPath(path) && candidate.bytes(path) !== null)
    .filter(({ path }) => candidate.text(path)?.includes("\0") ?? true)
    .map(({ path }) => {
      const shown = pathText(path);
      return {
        finding: {
          code: "not_text",
          path: shown,
          message: `${shown} is not UTF-8 text.`,
          repair: `Write ${shown} as UTF-8 text without NUL characters, or remove it.`,
        },
      };
    });

/** Tab, line feed, and a carriage return before it; all others move cursors, ring bells or hide text. NUL is told elsewhere. */
const CONTROL = /(?!\t|\n|\r\n|\0)[\u0000-\u001f\u007f-\u009f]/;

/** What a terminal would obey has no place in a text that is printed to terminals. */
export const controlCharacters: Check = ({ manifest, text }) =>
  manifest
    .filter(({ path }) => !isHostPath(path))
    .flatMap(({ path }) => {
      const content = text(path);
      const at = content?.search(CONTROL) ?? -1;
      if (content === null || at < 0 || content.includes("\0")) return [];
      const line = content.slice(0, at).split("\n").length;
      const shown = pathText(path);
      return {
        finding: {
          code: "control_characters",
          path: shown,
          message: `${shown} holds control characters, first in line ${line}.`,
          repair: `Remove the control characters (escape sequences, bells, backspaces) from ${shown}; the first is in line ${line}.`,
        },
      };
    });

/** Two names that are one where case or Unicode forms don't count would overwrite each other on the next machine. */
export const collisions: Check = ({ problems }) =>
  problems
    .filter(({ path, kind }) => kind === "collision" && !isHostPath(path))
    .map(({ path }) => {
      const shown = pathText(path);
      return {
        finding: {
          code: "path_collision",
          path: shown,
          message: `${shown} has the same name as another file where upper and lower case don't count.`,
          repair: `Rename or remove ${shown}: its name differs from another's only in case or Unicode form.`,
        },
      };
    });

/** The host's files are evidence, not the agent's to change: restored from the inputs, and what was added is removed. */
export const hostFilesKept: Check = ({ manifest, problems, expected }) => {
  const found = new Map(manifest.map(({ path, hash }) => [path, hash]));
  const wanted = new Set(expected.map(({ path }) => path));
  const odd = problems.map(({ path }) => path).filter(isHostPath);
  const altered = expected.filter(({ path, hash }) => found.get(path) !== hash).map(({ path }) => path);
  const added = [...found.keys(), ...odd].filter((path) => isHostPath(path) && !wanted.has(path));
  return [
    ...altered.map((path) => remark(path, "was changed by the agent and restored", "restore")),
    ...[...new Set(added)].map((path) => remark(path, "was added by the agent and removed", "remove")),
  ];
};

function remark(path: string, what: string, fix: "restore" | "remove"): Remark {
  const shown = pathText(path);
  return {
    finding: {
      code: "host_file_altered",
      path: shown,
      message: `${shown} ${what}.`,
      repair: null,
    },
    fix: { do: fix, path },
  };
}

/**
 * Stored sizes of what the agent wrote: each file, all together, and how many. What was too much before the run, by a
 * person's own hand, and has not become more, is no fault of the agent's: refusing it would keep the memory from ever
 * being renewed.
 */
export const sizes: Check = (candidate) => [
  ...largeFiles(candidate),
  ...longFiles(candidate),
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

function longFiles({ problems, base }: Candidate): readonly Remark[] {
  const { lines } = GATE_LIMITS;
  return problems
    .filter(({ kind }) => kind === "too-many-lines")
    .map(({ path }) => {
      const shown = pathText(path);
      const wasLong = (base.text(path)?.split("\n").length ?? 0) > lines;
      const hint = wasLong ? " It had as many before the run; shorten it by hand." : "";
      return repair(
        "too_many_lines",
        shown,
        `${shown} has more than ${lines} lines.${hint}`,
        `Shorten ${shown} to less than ${lines} lines, keeping what is most useful.`,
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
