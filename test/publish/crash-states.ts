import { splitPath } from "../../src/files/folder.ts";
import type { Deed } from "./recorded-files.ts";

/** What a disk may hold after a power cut: text by path, temporary files included. */
export interface CrashState {
  readonly files: Readonly<Record<string, string>>;
  /** How many deeds had been begun. */
  readonly after: number;
  readonly journal: "not-yet" | "open" | "closed";
}

interface FileNode {
  readonly kind: "file";
  readonly content: string;
  isSafe: boolean;
}

interface FolderNode {
  readonly kind: "folder";
  /** As the program sees it. */
  readonly live: Map<string, Node>;
  /** As the disk surely has it. */
  readonly safe: Map<string, Node>;
  /** Since the last sync; any of them may have reached the disk, whichever others did. */
  readonly pending: Edit[];
}

type Node = FileNode | FolderNode;
/** Null: the name goes. A rename is one edit of two names. */
type Edit = readonly (readonly [name: string, node: Node | null])[];

/**
 * All that a power cut may leave behind, once each: after every deed, bytes nobody waited for may be there, half there
 * or not at all, and each change of names since its folder's last sync may be there or not. Where these choices make
 * more than `LIMIT` states, those in which one choice differs from all others, and a fixed sample.
 */
export function crashStates(before: Readonly<Record<string, string>>, deeds: readonly Deed[]): CrashState[] {
  const root = folderNode();
  const fresh: FileNode[] = [];
  for (const [path, content] of Object.entries(before)) plant(root, path, content);
  const states = new Map<string, CrashState>();
  let journal: CrashState["journal"] = "not-yet";
  for (let after = 0; after <= deeds.length; after += 1) {
    const deed = deeds[after - 1];
    if (deed?.do === "commit") journal = "open";
    else if (deed?.do === "close") journal = "closed";
    else if (deed !== undefined) happen(root, deed, fresh);
    const edits = foldersIn(root).flatMap(({ pending }) => pending);
    const unsafe = fresh.filter(({ isSafe }) => !isSafe);
    for (const choice of choices([...edits.map(() => 2), ...unsafe.map(() => 3)])) {
      const lost = new Set(edits.filter((_, n) => choice[n] === 1));
      const shares = new Map(unsafe.map((file, n) => [file, choice[edits.length + n] ?? 0]));
      const files = Object.fromEntries(onDisk(root, "", lost, shares).sort());
      const key = JSON.stringify([files, journal]);
      if (!states.has(key)) states.set(key, { files, after, journal });
    }
  }
  return [...states.values()];
}

function happen(
  root: FolderNode,
  deed: Exclude<Deed, { do: "commit" } | { do: "close" }>,
  fresh: FileNode[],
): void {
  if (deed.do === "sync") {
    const folder = folderAt(root, deed.path);
    for (const edit of folder.pending.splice(0)) apply(folder.safe, edit);
    return;
  }
  const [above, name] = splitPath(deed.path);
  const folder = folderAt(root, above);
  const node = folder.live.get(name) ?? null;
  if (deed.do === "data") {
    if (node?.kind === "file") node.isSafe = true;
    return;
  }
  const edit = editOf(deed, name, node);
  const made = deed.do === "create" ? edit[0]?.[1] : null;
  if (made?.kind === "file") fresh.push(made);
  apply(folder.live, edit);
  folder.pending.push(edit);
}

function editOf(deed: Deed, name: string, node: Node | null): Edit {
  switch (deed.do) {
    case "create":
      return [[name, { kind: "file", content: deed.content.toString(), isSafe: false }]];
    case "makeFolder":
      return [[name, folderNode()]];
    case "rename":
      return [
        [name, null],
        [splitPath(deed.to)[1], node],
      ];
    default:
      return [[name, null]];
  }
}

function apply(names: Map<string, Node>, edit: Edit): void {
  for (const [name, node] of edit) {
    if (node === null) names.delete(name);
    else names.set(name, node);
  }
}

/** The files that are found afterwards; a share is 0 for all bytes, 1 for half of them, 2 for none. */
function onDisk(
  folder: FolderNode,
  prefix: string,
  lost: ReadonlySet<Edit>,
  shares: ReadonlyMap<FileNode, number>,
): [string, string][] {
  const names = new Map(folder.safe);
  for (const edit of folder.pending) if (!lost.has(edit)) apply(names, edit);
  return [...names].flatMap(([name, node]) => {
    if (node.kind === "folder") return onDisk(node, `${prefix}${name}/`, lost, shares);
    const kept = [1, 0.5, 0][shares.get(node) ?? 0] ?? 1;
    return [[`${prefix}${name}`, node.content.slice(0, Math.floor(node.content.length * kept))]];
  });
}

const LIMIT = 256;

/** One number below each of `sizes` per state. */
function* choices(sizes: readonly number[]): Generator<readonly number[]> {
  const total = sizes.reduce((product, size) => product * size, 1);
  if (total <= LIMIT) {
    for (let n = 0; n < total; n += 1) yield digits(n, sizes);
    return;
  }
  for (const rest of [0, 1, 2]) {
    const same = sizes.map((size) => Math.min(rest, size - 1));
    yield same;
    for (const [at, size] of sizes.entries()) {
      for (let other = 0; other < size; other += 1) yield same.with(at, other);
    }
  }
  let random = 1;
  for (let n = 0; n < LIMIT; n += 1) {
    yield sizes.map((size) => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((random / 2 ** 32) * size);
    });
  }
}

function digits(number: number, sizes: readonly number[]): readonly number[] {
  let rest = number;
  return sizes.map((size) => {
    const digit = rest % size;
    rest = (rest - digit) / size;
    return digit;
  });
}

function folderNode(): FolderNode {
  return { kind: "folder", live: new Map(), safe: new Map(), pending: [] };
}

/** All folders the program sees or the disk may still have. */
function foldersIn(folder: FolderNode): FolderNode[] {
  const edited = folder.pending.flatMap((edit) => edit.map(([, node]) => node));
  const below = new Set([...folder.safe.values(), ...edited].filter((node) => node?.kind === "folder"));
  return [folder, ...[...below].flatMap((node) => (node?.kind === "folder" ? foldersIn(node) : []))];
}

function folderAt(root: FolderNode, path: string): FolderNode {
  let at = root;
  for (const name of path === "" ? [] : path.split("/")) {
    const next = at.live.get(name);
    if (next?.kind !== "folder") throw new Error(`The record names no folder here: ${path}`);
    at = next;
  }
  return at;
}

function plant(root: FolderNode, path: string, content: string): void {
  const [above, name] = splitPath(path);
  let at = root;
  for (const part of above === "" ? [] : above.split("/")) {
    const found = at.safe.get(part);
    const next = found?.kind === "folder" ? found : folderNode();
    apply(at.live, [[part, next]]);
    apply(at.safe, [[part, next]]);
    at = next;
  }
  const file: FileNode = { kind: "file", content, isSafe: true };
  apply(at.live, [[name, file]]);
  apply(at.safe, [[name, file]]);
}
