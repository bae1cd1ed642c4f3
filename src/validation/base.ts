import type { Generation, HandEdits, Manifest } from "../domain/generation.ts";
import type { GenerationStore } from "../domain/ports.ts";
import { isHostPath } from "../memory-files/host-files.ts";
import { groupsIn } from "./handbook-parts.ts";

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
  return groupsIn(text).flatMap((group) => group.statements.map((statement) => statement.text));
}

async function handbookOf(store: Generations, generation: string): Promise<string | null> {
  const manifest = await store.manifest(generation);
  const entry = manifest?.find(({ path }) => path === HANDBOOK);
  const content = entry === undefined ? null : await store.blob(entry.hash);
  return content === null ? null : Buffer.from(content).toString();
}
