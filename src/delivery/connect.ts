import { sep } from "node:path";
import type { Connection, ConnectionStore } from "../domain/connection.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { Files } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import {
  AGENT_TITLES,
  type AgentName,
  type How,
  type Surroundings,
  type Target,
  targetsOf,
  textAt,
} from "./agent-places.ts";
import { type Entry, hasEntry, withEntries, withoutEntries } from "./json-entry.ts";
import { findBlock, withBlock, withoutBlock } from "./marked-block.ts";
import {
  hashOf,
  missingFolders,
  type Place,
  peek,
  readPlace,
  removeEmptyFolders,
  sweepDraft,
  writePlace,
} from "./places.ts";
import type { ShownTexts } from "./shown-texts.ts";

/**
 * Connecting an agent, and taking it back. Everything is looked at before anything is written; a row says what is to be
 * there before it is, and goes when it is gone. Whatever moment a process is killed at, each file is as it was or as it
 * should be, and `repairConnections` brings the rest to its end. The caller has the lock of connections.
 */
export interface ConnectDeps {
  readonly connections: ConnectionStore;
  readonly files: Files;
  readonly nowMs: () => number;
}

/** How one file will look. */
export interface Change {
  readonly target: Target;
  readonly place: Place;
  readonly after: string;
  readonly row: Connection;
}

/** What `piece` of a row holds, as JSON. */
interface Undo {
  /** The hash of what stood there while it is being replaced. */
  readonly previous?: string;
  /** Folders that were made. */
  readonly folders?: readonly string[];
  /** Texts put into a JSON file, and the entries they are. */
  readonly pieces?: readonly string[];
  readonly entries?: readonly Entry[];
}

/** What connecting would do, file by file; rejects, with nothing touched, where it can't be done. */
export async function planConnection(
  deps: ConnectDeps,
  agent: AgentName,
  how: How,
  around: Surroundings,
  texts: ShownTexts,
): Promise<readonly Change[]> {
  const rows = await deps.connections.list();
  const changes: Change[] = [];
  for (const target of targetsOf(agent, how, around, texts)) {
    changes.push(await planChange(deps, { agent, how, space: around.space }, target, rows));
  }
  return changes;
}

async function planChange(
  { files, nowMs }: ConnectDeps,
  owner: { readonly agent: AgentName; readonly how: How; readonly space: string },
  target: Target,
  rows: readonly Connection[],
): Promise<Change> {
  const place = await readPlace(files, target.path);
  const here = rows.filter(({ path }) => path === place.path);
  const other = here.find(({ space }) => space !== owner.space);
  if (other !== undefined) {
    throw new SlowwaveError(
      "connection_other_space",
      `${pathText(place.path)} shows the space "${pathText(other.space)}" to ${other.agent}; \`slowwave disconnect ${other.agent}\` first.`,
    );
  }
  const id = idOf(owner, target.kind, place.path);
  // Entries of several ways stand in one file, each with a row of its own.
  const known = here.find((row) => row.id === id) ?? (target.kind === "entry" ? undefined : here[0]);
  const made = known === undefined ? await missingFolders(place.path) : [];
  const { after, undo } = afterOf(target, place, known, rows);
  const row: Connection = {
    id,
    ...owner,
    how: known?.id === id ? known.how : owner.how,
    path: place.path,
    kind: target.kind,
    state: "connecting",
    piece: JSON.stringify({
      ...undo,
      folders: known?.id === id ? (undoOf(known).folders ?? []) : made,
    } satisfies Undo),
    writtenHash:
      target.kind === "file"
        ? hashOf(after)
        : hashOf(target.kind === "block" ? target.text : JSON.stringify(target.entries)),
    beforeHash: known === undefined ? (place.text === null ? null : hashOf(place.text)) : known.beforeHash,
    atMs: nowMs(),
  };
  return { target, place, after, row };
}

function afterOf(
  target: Target,
  { path, text }: Place,
  known: Connection | undefined,
  rows: readonly Connection[],
): { after: string; undo: Undo } {
  if (target.kind === "file") {
    if (text !== null && !isOwnFile(path, text, rows) && text !== target.text) throw inTheWay(path);
    return { after: target.text, undo: text === null ? {} : { previous: hashOf(text) } };
  }
  if (target.kind === "block") {
    const found = findBlock(text ?? "");
    if (found === "unclear" || found?.isIntact === false) throw changedBlock(path);
    return { after: withBlock(text ?? "", target.text), undo: {} };
  }
  const before = known === undefined ? {} : undoOf(known);
  if (text !== null && before.pieces !== undefined && target.entries.every((entry) => hasEntry(text, entry)))
    return { after: text, undo: { pieces: before.pieces, entries: target.entries } };
  const written =
    text === null || text.trim() === "" ? freshJson(target.entries) : withEntries(text, target.entries);
  if (written === null) {
    throw new SlowwaveError(
      "connection_in_the_way",
      `${pathText(path)} is no JSON that an entry can be put into, or has another entry of that name; mend it, then connect again. Nothing was touched.`,
    );
  }
  return { after: written.text, undo: { pieces: written.pieces, entries: target.entries } };
}

function freshJson(entries: readonly Entry[]) {
  return withEntries("{\n}\n", entries);
}

/** Writes what was planned. */
export async function carryOut(
  { connections, files }: ConnectDeps,
  changes: readonly Change[],
): Promise<void> {
  for (const { row } of changes) await connections.save(row);
  for (const { place, after, row } of changes) {
    await writePlace(files, place, after);
    await connections.save(connected(row));
  }
}

function connected(row: Connection): Connection {
  const { previous: _, ...undo } = undoOf(row);
  return { ...row, state: "connected", piece: JSON.stringify(undo) };
}

export interface Removal {
  readonly path: string;
  /** Whether the file is byte for byte as it was before; false: it has later edits of the person's, which were kept. */
  readonly isAsBefore: boolean;
  /** Another agent reads the same file, so it stays until that one is disconnected, too. */
  readonly isKept: boolean;
}

function idOf(owner: { agent: string; how: string }, kind: Target["kind"], path: string): string {
  return kind === "entry" ? `${owner.agent} ${owner.how} ${path}` : `${owner.agent} ${path}`;
}

/** Takes everything of an agent back; rejects, with nothing touched, where a person changed what is ours. */
export async function disconnect(deps: ConnectDeps, agent: string): Promise<readonly Removal[]> {
  const rows = await deps.connections.list();
  // What was put in last goes first.
  const own = rows.filter((row) => row.agent === agent).sort((a, b) => b.atMs - a.atMs);
  const places = new Map<string, Place>();
  const after = new Map<string, string | null>();
  for (const row of own) {
    const place = places.get(row.path) ?? (await readPlace(deps.files, row.path));
    places.set(row.path, place);
    const text = after.has(row.path) ? (after.get(row.path) ?? null) : place.text;
    after.set(row.path, isShared(row, rows) ? text : cleanText(row, text, rows));
  }
  for (const row of own) await deps.connections.save({ ...row, state: "disconnecting" });
  const removed: Removal[] = [];
  for (const [path, place] of places) {
    const text = after.get(path) ?? null;
    await writePlace(deps.files, place, text);
    const here = own.filter((row) => row.path === path);
    for (const row of here) await forget(deps, row);
    const hash = text === null ? null : hashOf(text);
    const isKept = here.some((row) => isShared(row, rows));
    removed.push({ path, isAsBefore: isKept || here.some((row) => row.beforeHash === hash), isKept });
  }
  return removed.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function wasAbsent(path: string, rows: readonly Connection[]): boolean {
  return rows.some((row) => row.path === path && row.beforeHash === null);
}

/** Removes the row; what it knows of the time before goes to whoever still uses the file, or a folder that was made for it. */
async function forget(deps: ConnectDeps, { id }: Connection): Promise<void> {
  const rows = await deps.connections.list();
  const row = rows.find((one) => one.id === id);
  if (row === undefined) return;
  const others = rows.filter((one) => one.id !== id);
  const folders = undoOf(row).folders ?? [];
  const heir = others.find(({ path, state }) => path === row.path && state !== "disconnecting");
  if (heir !== undefined) {
    const { beforeHash } = row.atMs <= heir.atMs ? row : heir;
    await deps.connections.save({ ...heir, piece: withFolders(heir, folders), beforeHash });
  } else {
    await removeEmptyFolders(deps.files, folders);
    // A killed process may have made a folder for the first of several files alone.
    for (const other of others) {
      const around = folders.filter((folder) => other.path.startsWith(`${folder}${sep}`));
      if (around.length > 0) await deps.connections.save({ ...other, piece: withFolders(other, around) });
    }
  }
  await deps.connections.remove(id);
}

function withFolders(row: Connection, folders: readonly string[]): string {
  const undo = undoOf(row);
  return JSON.stringify({ ...undo, folders: [...new Set([...(undo.folders ?? []), ...folders])] });
}

/** Agents that read the same skill share its file; the last one takes it away. */
function isShared(row: Connection, rows: readonly Connection[]): boolean {
  return rows.some(
    ({ agent, path, state }) => agent !== row.agent && path === row.path && state !== "disconnecting",
  );
}

/** The file without what is ours; null: no file is left. Rejects with `connection_changed` when ours is not as we wrote it. */
function cleanText(row: Connection, text: string | null, rows: readonly Connection[]): string | null {
  if (text === null) return null;
  if (row.kind === "file") {
    if (!isOwnFile(row.path, text, rows)) throw changedFile(row.path);
    return null;
  }
  if (row.kind === "block") {
    const found = findBlock(text);
    if (found === null) return text;
    if (found === "unclear" || !found.isIntact) throw changedBlock(row.path);
    return orNothing(wasAbsent(row.path, rows), withoutBlock(text, found));
  }
  const { entries = [], pieces = [] } = undoOf(row);
  if (!entries.some((entry) => hasEntry(text, entry))) return text;
  const after = withoutEntries(text, entries, pieces);
  if (after === null) {
    throw new SlowwaveError(
      "connection_changed",
      `${pathText(row.path)} is no JSON any more; mend it, or take the entry of slowwave out by hand, then disconnect again.`,
    );
  }
  return orNothing(wasAbsent(row.path, rows), after);
}

/** A file that was not there before goes when nothing but ours was in it. */
function orNothing(wasAbsent: boolean, text: string): string | null {
  return wasAbsent && /^(?:\s*|\s*\{\s*\}\s*)$/.test(text) ? null : text;
}

/** Agents may share a file: whoever wrote it last, it is ours. */
function isOwnFile(path: string, text: string, rows: readonly Connection[]): boolean {
  const hash = hashOf(text);
  return rows.some((row) => row.path === path && (hash === row.writtenHash || hash === undoOf(row).previous));
}

function undoOf({ piece }: Connection): Undo {
  return piece === null ? {} : (JSON.parse(piece) as Undo);
}

/** How a connection stands. */
export interface ConnectionState {
  readonly row: Connection;
  /** `missing`: it was taken away by hand. `changed`: somebody changed what is ours. `unwritable`: see `problem`. */
  readonly verdict: "in place" | "repaired" | "missing" | "changed" | "unwritable";
  readonly problem: string | null;
}

/**
 * Looks at every connection of the space, ends what a killed process left half done, and writes the texts of this memory
 * where they are other ones. What a person changed or took away is left alone and told. Never rejects for a single place.
 */
export async function repairConnections(
  deps: ConnectDeps,
  space: string,
  texts: ShownTexts,
): Promise<readonly ConnectionState[]> {
  const states: ConnectionState[] = [];
  for (const row of await deps.connections.list()) {
    if (row.space !== space) continue;
    try {
      await sweepDraft(deps.files, row.path);
      const state = await repair(deps, row, texts);
      if (state !== null) states.push(state);
    } catch (error) {
      if (!(error instanceof SlowwaveError)) throw error;
      const verdict = error.code === "connection_changed" ? "changed" : "unwritable";
      states.push({ row, verdict, problem: error.message });
    }
  }
  return states;
}

/** What `repairConnections` would find, with nothing touched; of places that are as they should be nothing. */
export async function checkConnections(
  deps: ConnectDeps,
  space: string,
  texts: ShownTexts,
): Promise<readonly { readonly row: Connection; readonly problem: string }[]> {
  const rows = await deps.connections.list();
  const found = rows.filter((row) => row.space === space).map((row) => problemOf(deps, row, texts, rows));
  return (await Promise.all(found)).filter((one) => one !== null);
}

async function problemOf(
  deps: ConnectDeps,
  row: Connection,
  texts: ShownTexts,
  rows: readonly Connection[],
): Promise<{ readonly row: Connection; readonly problem: string } | null> {
  if (row.state !== "connected") return { row, problem: `${pathText(row.path)} was left half done` };
  try {
    const place = await readPlace(deps.files, row.path);
    const change = place.text === null ? null : renewed(row, place, texts, rows);
    if (change === null) return { row, problem: missingSentence(row) };
    const isCurrent = change.after === place.text;
    return isCurrent ? null : { row, problem: `${pathText(row.path)} shows an earlier memory` };
  } catch (error) {
    if (!(error instanceof SlowwaveError)) throw error;
    return { row, problem: error.message };
  }
}

async function repair(
  deps: ConnectDeps,
  row: Connection,
  texts: ShownTexts,
): Promise<ConnectionState | null> {
  const text = await peek(deps.files, row.path);
  if (row.state === "disconnecting") {
    const rows = await deps.connections.list();
    const place = await readPlace(deps.files, row.path);
    const after = isShared(row, rows) ? place.text : cleanText(row, place.text, rows);
    await writePlace(deps.files, place, after);
    await forget(deps, row);
    return null;
  }
  if (text === null && row.state === "connected")
    return { row, verdict: "missing", problem: missingSentence(row) };
  const place = await readPlace(deps.files, row.path);
  const change = renewed(row, place, texts, await deps.connections.list());
  if (change === null) return { row, verdict: "missing", problem: missingSentence(row) };
  const isKnown = change.row.writtenHash === row.writtenHash;
  if (change.after === place.text && row.state === "connected" && isKnown)
    return { row, verdict: "in place", problem: null };
  const next = { ...change.row, state: "connecting" as const, atMs: deps.nowMs() };
  await deps.connections.save(next);
  await writePlace(deps.files, place, change.after);
  const done = connected(next);
  await deps.connections.save(done);
  return { row: done, verdict: row.state === "connecting" ? "repaired" : "in place", problem: null };
}

/** The row and its file for the texts of now; null: what is ours was taken out. Rejects where it was changed. */
function renewed(
  row: Connection,
  { path, text }: Place,
  texts: ShownTexts,
  rows: readonly Connection[],
): { row: Connection; after: string } | null {
  if (row.kind === "file") {
    if (text !== null && !isOwnFile(path, text, rows)) throw changedFile(path);
    const wanted = textAt(row.path, texts) ?? text;
    // A file that never changes and was not written yet is written by connecting again.
    if (wanted === null) return null;
    const undo = { ...undoOf(row), ...(text === null ? {} : { previous: hashOf(text) }) };
    return { row: { ...row, writtenHash: hashOf(wanted), piece: JSON.stringify(undo) }, after: wanted };
  }
  if (row.kind === "block") {
    const found = findBlock(text ?? "");
    if (found === "unclear" || found?.isIntact === false) throw changedBlock(path);
    if (found === null && row.state === "connected") return null;
    const wanted = texts.overview;
    return { row: { ...row, writtenHash: hashOf(wanted) }, after: withBlock(text ?? "", wanted) };
  }
  const { entries = [], ...undo } = undoOf(row);
  if (text !== null && entries.every((entry) => hasEntry(text, entry))) return { row, after: text };
  if (row.state === "connected") return null;
  const { after, undo: made } = afterOf(
    { kind: "entry", path, entries },
    { path, text, mode: 0o600 },
    undefined,
    rows,
  );
  return { row: { ...row, piece: JSON.stringify({ ...undo, ...made }) }, after };
}

function missingSentence({ agent, path }: Connection): string {
  return `${pathText(path)} no longer holds what was written there; \`slowwave disconnect ${agent}\` forgets it, \`slowwave connect ${agent}\` writes it again.`;
}

function inTheWay(path: string): SlowwaveError {
  return new SlowwaveError(
    "connection_in_the_way",
    `${pathText(path)} is there already and is not ours; move it away, then connect again. Nothing was touched.`,
  );
}

function changedFile(path: string): SlowwaveError {
  return new SlowwaveError(
    "connection_changed",
    `${pathText(path)} was changed by hand since slowwave wrote it; move what you want to keep elsewhere and delete the file, then do it again. Nothing was touched.`,
  );
}

function changedBlock(path: string): SlowwaveError {
  return new SlowwaveError(
    "connection_changed",
    `The block of slowwave in ${pathText(path)} was changed by hand; cut it out yourself, both marks included, then do it again. Nothing was touched.`,
  );
}

export function agentTitle(agent: string): string {
  return Object.hasOwn(AGENT_TITLES, agent) ? AGENT_TITLES[agent as AgentName] : agent;
}
