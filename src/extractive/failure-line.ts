import { isDump } from "./dump.ts";

const telling =
  /\b(?:fatal|error|panic|exception|cannot|can't|could not|couldn't|unable to|undefined|not found|no such file|denied|refused|timed out|timeout|unexpected|unrecognized|unknown|invalid|missing|required|unsupported|deprecated|conflict|unused|not properly formatted|illegal|already exists|does not exist|is not|mismatch|failed to|out of memory|segmentation fault|malformed)\b/i;
const starts =
  /(?:fatal|error|panic|[A-Z]\w+(?:Error|Exception)|npm ERR!|E[A-Z]{4,12})\s?[:!\]]|\w[\w ./-]{0,60}: (?:command not found|no such file or directory|permission denied|not found)|command not found: \S+/gi;

/**
 * The one line of a failing command's output worth keeping, without exit codes, file positions and counters, or null
 * when the output only says that something failed. Text that isn't raw output comes back as it is.
 */
export function condensedFailure(text: string): string | null {
  if (!isRawOutput(text)) return text;
  const body = text
    .replace(/^(?:error:\s*)?(?:command failed with )?exit (?:code|status):? \d+[:.,]?\s*/i, "")
    .replace(/^\(eval\):\d+:\s*/, "");
  if (
    /^(?:--- )?FAIL\b|^=== RUN|^ok\s|^total \d|^\[request interrupted|process completed with exit code/i.test(
      body,
    )
  )
    return null;
  starts.lastIndex = 0;
  const begin = starts.exec(body)?.index ?? 0;
  const line = withoutPositions(body.slice(begin, begin + 400))
    .split(/\s(?:=== |--- |\^|[A-Z]+: \d{4}\/|at \S+ \(|usage:|hint:|\d+ issues?:|•)|\s{3,}|…$/)[0]
    ?.trim();
  if (line === undefined || line.length < 12 || !telling.test(line) || isDump(line)) return null;
  return line.split(/\s+/).length < 3 ? null : line;
}

function isRawOutput(text: string): boolean {
  return (
    /^(?:exit (?:code|status)\b|\(eval\)|--- FAIL|FAIL\b|=== RUN|fatal:|error:|panic:|npm ERR!|Traceback|\S+\.\w{1,4}:\d+:\d+:)/i.test(
      text,
    ) || /^(?:\w+Error|\w+Exception):/.test(text)
  );
}

/** `path/file.go:12:3: message` says `message`; where it was is gone tomorrow. */
function withoutPositions(line: string): string {
  return line
    .replace(/^(?:# \S+(?: \[\S+\])?\s)+/, "")
    .replace(/^\d{1,4}: (?=\D)/, "")
    .replace(
      /(?<=\((?:gofmt|goimports|gofumpt|govet|errcheck|unused|staticcheck|typecheck|revive|prettier|eslint)\)).*$/,
      "",
    )
    .replace(/^(?:\.?\/?[\w@./-]{1,200}\.\w{1,5}:\d+(?::\d+)?:?\s*)+(?:: )?/, "")
    .replace(/\s(?:\.?\/?[\w@./-]{1,200}\.\w{1,5}:\d+:\d+:.*)$/, "")
    .replace(/\s\(\d+(?:\.\d+)?m?s\)/g, "");
}
