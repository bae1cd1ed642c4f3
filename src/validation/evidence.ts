import { type HostFile, SUMMARIES } from "../memory-files/host-files.ts";

/** What the inputs say, by the summary file they belong to. */
export interface Evidence {
  readonly threads: ReadonlySet<string>;
  /** Path of the summary file → the id of the thread it is of. */
  readonly threadOf: ReadonlyMap<string, string>;
  /** Path of the summary file → its text, with the raw memory of the same thread. */
  readonly texts: ReadonlyMap<string, string>;
  /** Whether an input holds these words, spelled like that. */
  says(words: string): boolean;
}

const seen = new WeakMap<readonly HostFile[], Evidence>();

/** Read once per look of the gate. */
export function evidenceOf(files: readonly HostFile[]): Evidence {
  const known = seen.get(files);
  if (known !== undefined) return known;
  const threadOf = new Map<string, string>();
  const texts = new Map<string, string>();
  for (const { path, content } of files) {
    if (!path.startsWith(`${SUMMARIES}/`)) continue;
    const text = Buffer.from(content).toString();
    const id = /^thread_id: (.*)$/m.exec(text)?.[1];
    if (id !== undefined) threadOf.set(path, id);
    texts.set(path, bodyOf(text));
  }
  const raw = files.find(({ path }) => !path.startsWith(`${SUMMARIES}/`));
  for (const section of Buffer.from(raw?.content ?? [])
    .toString()
    .split(/^(?=## Thread `)/m)) {
    const name = /^rollout_summary_file: (.*)$/m.exec(section)?.[1];
    const path = `${SUMMARIES}/${name}`;
    const summary = texts.get(path);
    if (name !== undefined && summary !== undefined) texts.set(path, `${summary}\n${bodyOf(section)}`);
  }
  const says = (words: string) => {
    const wanted = words.trim();
    return wanted !== "" && [...texts.values()].some((text) => text.includes(wanted));
  };
  const evidence = { threads: new Set(threadOf.values()), threadOf, texts, says };
  seen.set(files, evidence);
  return evidence;
}

/** Without the headers, which the host wrote. */
function bodyOf(text: string): string {
  const end = text.indexOf("\n\n");
  return end < 0 ? text : text.slice(end + 2);
}
