/** What an agent may see of our environment; everything else, keys and tokens above all, stays here. */
const ALLOWED = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SystemRoot"] as const;

/** Name of the mark by which the processes of one agent are known. */
const MARK = "SLOWWAVE_RUN";

/** The environment of an agent: the allow-list, what this agent needs beside it, and the mark. */
export function scrubbedEnvironment(
  source: NodeJS.ProcessEnv,
  key: string,
  also: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const kept = ALLOWED.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]] as const]));
  return { ...Object.fromEntries(kept), ...also, [MARK]: key };
}

export function markOf(key: string): string {
  return `${MARK}=${key}`;
}
