import type { Finding, Generation, GenerationStore, HandEdits, Manifest } from "../domain/generation.ts";
import type { GateCode } from "../domain/settings.ts";
import type { Folder } from "../files/folder.ts";
import { type HostFile, isHostPath, manifestOf, SUMMARIES } from "../memory-files/host-files.ts";
import { SCAN_LIMITS } from "../memory-files/memory-path.ts";
import { type Problem, scan } from "../memory-files/scan.ts";
import { parseHandbook } from "../text/handbook.ts";

/** What the gate judges: a workspace, read once. Everything in it may be hostile. */
export interface Candidate {
  /** Regular files at places where a memory may have them, whoever wrote them. */
  readonly manifest: Manifest;
  readonly problems: readonly Problem[];
  /** An agent-written file as text; null when it is missing, too large, or not UTF-8. */
  text(path: string): string | null;
  /** An agent-written file's bytes; null when it is missing or too large. */
  bytes(path: string): Uint8Array | null;
  /** What the host's files must be, from the inputs of the run. */
  readonly expected: Manifest;
  /** The same with their contents: the evidence for everything the agent says. */
  readonly evidence: readonly HostFile[];
  /** What the memory was when the run started; empty when there was none. */
  readonly base: Base;
}

/** Reads a workspace once; what is judged is what was read then, whatever happens to the files later. */
export async function candidateIn(
  workspace: Folder,
  evidence: readonly HostFile[],
  base: Base,
): Promise<Candidate> {
  const {
    manifest: all,
    problems: odd,
    kept: read,
  } = await scan(workspace, {
    limit: fileLimit,
    keep: (path) => !isHostPath(path),
    ignoredFiles: "foreign",
  });
  const kept = new Map([...read].filter(([, content]) => !hasTooManyLines(content)));
  const overlong = [...read.keys()].filter((path) => !kept.has(path));
  const manifest = all.filter(({ path }) => !overlong.includes(path));
  const problems = [...odd, ...overlong.map((path) => ({ path, kind: "too-many-lines" }) as const)];
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

/** The checks cost by the line more than by the byte: a file of nothing but line breaks is not worth their time. */
function hasTooManyLines(content: Uint8Array): boolean {
  let lines = 1;
  for (let at = content.indexOf(10); at >= 0 && lines <= GATE_LIMITS.lines; at = content.indexOf(10, at + 1))
    lines += 1;
  return lines > GATE_LIMITS.lines;
}

function decoded(content: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return null;
  }
}

/** The generation a run started from, as far as the gate compares with it. */
export interface Base {
  readonly manifest: Manifest;
  /** An agent-written file; null when the base has none of that name, or not as text. */
  text(path: string): string | null;
  /** What in its files is a person's. */
  readonly handEdits: HandEdits;
  /** Handbooks of the generations before it, the newest first; none when it begins anew. */
  history(): Promise<readonly PastHandbook[]>;
}

/** MEMORY.md as an earlier generation had it. */
export interface PastHandbook {
  readonly generation: string;
  readonly text: string;
  /** Statements in it that a person deleted since: they are no loss. */
  readonly deleted: ReadonlySet<string>;
}

export const NO_BASE: Base = { manifest: [], text: () => null, handEdits: {}, history: async () => [] };

/** More than this of a base is not compared: the gate then judges the agent's files alone. */
const MOST_BYTES = 32 * 1024 ** 2;
const HANDBOOK = "MEMORY.md";

type Generations = Pick<GenerationStore, "manifest" | "blob" | "read">;

export async function loadBase(store: Generations, generation: string | null): Promise<Base> {
  const manifest = generation === null ? null : await store.manifest(generation);
  if (generation === null || manifest === null) return NO_BASE;
  const texts = new Map<string, string>();
  let left = MOST_BYTES;
  for (const { path, hash, bytes } of manifest) {
    if (isHostPath(path) || bytes > left) continue;
    const content = await store.blob(hash);
    if (content === null) continue;
    left -= bytes;
    texts.set(path, Buffer.from(content).toString());
  }
  const text = (path: string) => texts.get(path) ?? null;
  const handEdits = (await store.read(generation))?.handEdits ?? {};
  return { manifest, text, handEdits, history: () => loadHistory(store, generation, text(HANDBOOK)) };
}

/** So many generations back, small losses still add up. */
const MOST_GENERATIONS = 12;

/**
 * The generations that the base grew from, run by run. What a person took out on the way is told with each; a rollback
 * or a purge is a new beginning, for the person wanted what it left.
 */
async function loadHistory(
  store: Generations,
  generation: string,
  handbook: string | null,
): Promise<readonly PastHandbook[]> {
  const history: PastHandbook[] = [];
  const deleted = new Set<string>();
  let later = handbook;
  let at = await store.read(generation);
  while (at !== null && later !== null && isStep(at) && history.length < MOST_GENERATIONS) {
    const parent: Generation | null = at.parent === null ? null : await store.read(at.parent);
    const text = parent === null ? null : await handbookOf(store, parent.id);
    if (parent === null || text === null) break;
    if (at.kind === "edited") for (const statement of missing(text, later)) deleted.add(statement);
    history.push({ generation: parent.id, text, deleted: new Set(deleted) });
    [at, later] = [parent, text];
  }
  return history;
}

function isStep({ kind }: Generation): boolean {
  return kind === "published" || kind === "edited";
}

function missing(before: string, after: string): readonly string[] {
  const kept = new Set(statements(after));
  return statements(before).filter((statement) => !kept.has(statement));
}

function statements(text: string): readonly string[] {
  return parseHandbook(text).groups.flatMap((group) => group.statements.map((statement) => statement.text));
}

async function handbookOf(store: Generations, generation: string): Promise<string | null> {
  const manifest = await store.manifest(generation);
  const entry = manifest?.find(({ path }) => path === HANDBOOK);
  const content = entry === undefined ? null : await store.blob(entry.hash);
  return content === null ? null : Buffer.from(content).toString();
}

/** What the inputs say, by the summary file they belong to. */
export interface Evidence {
  readonly threads: ReadonlySet<string>;
  /** Path of the summary file → the id of the thread it is of. */
  readonly threadOf: ReadonlyMap<string, string>;
  /** Path of the summary file → its text, with the raw memory of the same thread. */
  readonly texts: ReadonlyMap<string, string>;
  /** Whether an input holds these words, spelled like that. */
  isInInputs(words: string): boolean;
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
  const isInInputs = (words: string) => {
    const wanted = words.trim();
    return wanted !== "" && [...texts.values()].some((text) => text.includes(wanted));
  };
  const evidence = { threads: new Set(threadOf.values()), threadOf, texts, isInInputs };
  seen.set(files, evidence);
  return evidence;
}

/** Without the headers, which the host wrote. */
function bodyOf(text: string): string {
  const end = text.indexOf("\n\n");
  return end < 0 ? text : text.slice(end + 2);
}

/** One thing that must hold, in one file of this folder. Decides nothing by itself but what it found. */
export type Check = (candidate: Candidate) => readonly Remark[] | Promise<readonly Remark[]>;

/** A fault, and what the host itself does about it before anything is published. How bad it is, is settled elsewhere. */
export interface Remark {
  readonly finding: Fault;
  readonly fix?: Fix;
}

export type Fault = Omit<Finding, "code" | "severity"> & { readonly code: GateCode };

type Fix =
  | { readonly do: "remove"; readonly path: string }
  /** Back to what `expected` says. */
  | { readonly do: "restore"; readonly path: string };

/** Faults of one kind in one place are told up to a number; a hostile file could fill the log and the prompt. */
export function limited(remarks: readonly Remark[], most = 20): readonly Remark[] {
  return remarks.slice(0, most);
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** What an agent may leave, as stored. What readers inject into a prompt is another matter, and much less. */
export const GATE_LIMITS = {
  /** Tokens of memory_summary.md that readers load, by our own careful estimate; not a limit of what is stored. */
  injectedTokens: 2_500,
  summaryBytes: 32 * KIB,
  handbookBytes: 2 * MIB,
  skillFileBytes: 1 * MIB,
  /** Of one file. */
  lines: 20_000,
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
