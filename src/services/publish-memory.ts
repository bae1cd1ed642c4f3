import { hash } from "node:crypto";
import { fromPromise } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type Draft,
  type Generation,
  type HandEdits,
  isUnchanged,
  type Manifest,
} from "../domain/generation.ts";
import type { Lease } from "../domain/job.ts";
import type {
  DraftAnswer,
  DraftInput,
  PublishAnswer,
  PublishInput,
  VerifyAnswer,
  VerifyInput,
} from "../domain/phase2.ts";
import { type Folder, splitPath, within } from "../files/folder.ts";
import { inputsDigest } from "../memory-files/apply.ts";
import { contentHash, missingBlobs } from "../memory-files/blobs.ts";
import { bringForward, isBehind } from "../memory-files/bring-forward.ts";
import type { RunDeps } from "../memory-files/deps.ts";
import { isConsolidated, publishedId } from "../memory-files/generation-names.ts";
import { isHostPath, manifestOf, renderedInputs } from "../memory-files/host-files.ts";
import { carryOverMemory, locateMemoryEdits } from "../memory-files/memory-edits.ts";
import { SCAN_LIMITS } from "../memory-files/memory-path.ts";
import { finishJournals, type Merged, merge, publishManifest } from "../memory-files/publish.ts";
import { memoryOf, type ReconciledRoot, reconcileRoot } from "../memory-files/reconcile-root.ts";
import { withRootLock } from "../memory-files/root-lock.ts";
import { scan } from "../memory-files/scan.ts";
import { forgetVerified, keepVerified, readVerified } from "../memory-files/staging.ts";
import { undoneEdits } from "../memory-files/undone-edits.ts";
import { pathText } from "../text/sanitize.ts";
import { fileLimit, loadBase } from "../validation/candidate.ts";
import { keepQuarantined } from "../validation/quarantine.ts";
import { inWorkspace, rewrite, verifyWorkspace } from "../validation/verify-workspace.ts";

/** A hostile workspace can hold thousands of faults; the person is told of the first ones and of their number. */
const MOST_REPORTED = 100;

/**
 * The gate. What it let through is written down by content hash, and only that can be published. Findings go to the
 * run's log. May be repeated; rejects when the workspace can't be read.
 */
export function verifyArtifacts(deps: RunDeps) {
  return fromPromise<VerifyAnswer, VerifyInput>(async ({ input }) => {
    const { store, holder } = deps;
    await forgetVerified(deps);
    await keepHandEdits(deps, input.base);
    const base = await loadBase(store.generations, input.base);
    const { files } = await renderedInputs(deps, input.run);
    const rules = { severities: deps.gate ?? {}, repairsLeft: input.repairsLeft };
    const { answer, findings, cuts, manifest } = await verifyWorkspace(deps, files, base, rules);
    for (const finding of findings.slice(0, MOST_REPORTED)) holder.recordEvent("gate.finding", finding);
    await keepQuarantined(deps, cuts);
    if (manifest !== null) await keepVerified(deps, manifest);
    return answer;
  });
}

/** Puts what the person wrote and took away into the agent's files, so that what is judged is what would be published. */
async function keepHandEdits({ store, files, places }: RunDeps, base: string | null): Promise<void> {
  const generation = base === null ? null : await store.generations.read(base);
  const edits = generation?.handEdits;
  if (generation === null || edits === undefined) return;
  const manifest = (await store.generations.manifest(generation.id)) ?? [];
  await inWorkspace(files, places.workspace, async (workspace) => {
    const { kept } = await scan(workspace, {
      limit: fileLimit,
      keep: (path) => !isHostPath(path),
      ignoredFiles: "foreign",
    });
    const changed = await carryOverMemory({ manifest, edits }, kept, (hash) => store.generations.blob(hash));
    for (const [path, content] of changed) await rewrite(workspace, path, content);
  });
}

/**
 * Makes the verified workspace the memory readers see. Edits a person made while the agent worked are kept as a
 * generation first; files only they touched stay as they are. `lost`: the job is another's, the root is untouched.
 * Repeated after a crash it finds its own generation and brings it to its end.
 */
export function publishMemory(deps: RunDeps) {
  return fromPromise<PublishAnswer, PublishInput>(async ({ input, signal }) => {
    const lease = deps.holder.lease();
    if (lease === null) return { kind: "lost" };
    return withRootLock(deps, input.space, () => publish(deps, input, lease), signal);
  });
}

async function publish(deps: RunDeps, input: PublishInput, lease: Lease): Promise<PublishAnswer> {
  const { store, places } = deps;
  const { run, space, base } = input;
  if ((await store.generations.read(publishedId(run))) !== null) return finish(deps, input, lease);
  const ours = await verifiedFiles(deps, input);
  const reconciled = await reconcileRoot(deps, { run, space, root: places.root, lease });
  if (reconciled === "lost") return { kind: "lost" };
  const { head, actual, foreign } = reconciled;
  // That the folder is behind was reported when the workspace was prepared, and is still so.
  for (const finding of reconciled.findings)
    if (finding.code !== "root_behind") deps.holder.recordEvent("gate.finding", finding);
  const before = base === null ? [] : ((await store.generations.manifest(base)) ?? []);
  const merged = merge(before, head?.manifest ?? [], ours);
  // Without an agent nothing was left to consolidate: the memory is cleared, a person's edits stay in their generation.
  const carried =
    input.agent === null
      ? { ...merged, blobs: new Map<string, Uint8Array>(), edits: {} }
      : await carryLiveEdits(deps, head, merged);
  const { manifest, conflicts } = carried;
  reportConflicts(deps, conflicts, reconciled);
  if (input.agent !== null) await reportUndone(deps, head, carried);
  // That a run had nothing to add to what a person left is worth a generation too: the next one need not look again.
  if (
    head !== null &&
    isConsolidated(head.generation) &&
    isSame(manifest, head.manifest) &&
    isSame(manifest, actual)
  ) {
    return { kind: "published", generation: head.generation.id };
  }
  const generation: Generation = {
    id: publishedId(run),
    space,
    parent: head?.generation.id ?? null,
    run,
    kind: "published",
    createdAtMs: deps.clock.nowMs(),
    ...(Object.keys(carried.edits).length > 0 && { handEdits: carried.edits }),
    ...(input.agent ? { agent: input.agent, findings: input.findings ?? 0 } : {}),
  };
  const fresh = new Set(carried.blobs.keys());
  const left = manifest.filter(({ hash }) => !fresh.has(hash));
  const blobs = new Map([
    ...carried.blobs,
    ...(await inWorkspace(deps.files, places.workspace, (workspace) =>
      missingBlobs(store, left, workspace, actual),
    )),
  ]);
  const outcome = await publishManifest(deps, {
    lease,
    generation,
    manifest,
    blobs,
    root: places.root,
    actual,
    foreign,
  });
  return outcome === "lost" ? { kind: "lost" } : { kind: "published", generation: generation.id };
}

/**
 * An earlier attempt passed the point of no return: only its end is missing, whosever the job is now. On another machine
 * the folder is the one of that machine, and is brought to the generation in effect.
 */
async function finish(deps: RunDeps, { run, space }: PublishInput, lease: Lease): Promise<PublishAnswer> {
  const { root } = deps.places;
  if (root === null) return { kind: "published", generation: publishedId(run) };
  await finishJournals(deps, space, root);
  const request = { run, space, root, lease };
  if (await isBehind(deps, request)) await bringForward(deps, request);
  return { kind: "published", generation: publishedId(run) };
}

/** What the gate let through: what may be published. Without input there was no gate: then the cleared memory is all there may be. */
async function verifiedFiles(
  deps: RunDeps,
  { run, base }: Pick<PublishInput, "run" | "base">,
): Promise<Manifest> {
  const { store } = deps;
  const kept = await readVerified(deps);
  if (kept !== null) return kept;
  const { inputs, files } = await renderedInputs(deps, run);
  if (inputs.length === 0) return manifestOf(files);
  const rules = { severities: deps.gate ?? {}, repairsLeft: 0 };
  const before = await loadBase(store.generations, base);
  const { manifest, answer } = await verifyWorkspace(deps, files, before, rules);
  if (manifest !== null) return manifest;
  throw new SlowwaveError(
    "gate_refused",
    `The workspace no longer passes the gate (${answer.codes.join(", ")}); run again.`,
  );
}

interface Carried {
  readonly manifest: Manifest;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly edits: HandEdits;
  readonly conflicts: readonly string[];
}

/** Lines that a person wrote into a file while the agent worked on it go into the agent's version; no such file is a conflict. */
async function carryLiveEdits(
  { store, places, files }: RunDeps,
  head: ReconciledRoot["head"],
  { manifest, conflicts }: Merged,
): Promise<Carried> {
  if (head === null) return { manifest, blobs: new Map(), edits: {}, conflicts };
  const theirs = memoryOf(head);
  return inWorkspace(files, places.workspace, async (workspace) => {
    const blobs = new Map<string, Uint8Array>();
    const read = async (hash: string) =>
      blobs.get(hash) ?? (await store.generations.blob(hash)) ?? readEntry(workspace, manifest, hash);
    const texts = new Map<string, Uint8Array>();
    for (const { path, hash } of manifest) {
      const bytes = isHostPath(path) ? null : await read(hash);
      if (bytes !== null) texts.set(path, bytes);
    }
    const changed = await carryOverMemory(theirs, texts, read);
    const entries = new Map(manifest.map((entry) => [entry.path, entry]));
    for (const [path, bytes] of changed) {
      if (bytes === null) entries.delete(path);
      else {
        const hash = await contentHash(bytes);
        blobs.set(hash, bytes);
        entries.set(path, { path, hash, bytes: bytes.length });
      }
    }
    const merged = [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    const edits = await locateMemoryEdits(theirs, merged, read);
    return { manifest: merged, blobs, edits, conflicts: conflicts.filter((path) => isHostPath(path)) };
  });
}

async function readEntry(workspace: Folder, manifest: Manifest, hash: string): Promise<Uint8Array | null> {
  const path = manifest.find((entry) => entry.hash === hash)?.path;
  if (path === undefined) return null;
  const [folder, name] = splitPath(path);
  const read = await within(workspace, folder, async (at) => at?.read(name, SCAN_LIMITS.fileBytes));
  return read?.kind === "file" ? read.content : null;
}

function reportConflicts({ holder }: RunDeps, conflicts: readonly string[], { head }: ReconciledRoot): void {
  for (const path of conflicts) {
    holder.recordEvent("gate.finding", {
      code: "edited_while_running",
      severity: "warn",
      path: pathText(path),
      message: `${pathText(path)} was changed by hand while the agent worked; the agent's version is in effect, and that one is kept: \`slowwave diff ${head?.generation.id} current\` shows both.`,
      repair: null,
    });
  }
}

/** What a person took away since a run last made the memory, and what is in it again: told once, when it comes back. */
async function reportUndone(
  { holder, store, files, places }: RunDeps,
  head: ReconciledRoot["head"],
  { manifest, blobs }: Carried,
): Promise<void> {
  let origin = head?.generation ?? null;
  while (origin?.kind === "edited" && origin.parent !== null)
    origin = await store.generations.read(origin.parent);
  if (head === null || origin === null || origin.id === head.generation.id) return;
  const before = (await store.generations.manifest(origin.id)) ?? [];
  const versions = { before, edited: head.manifest, result: manifest };
  await inWorkspace(files, places.workspace, async (workspace) => {
    const read = async (hash: string) =>
      blobs.get(hash) ?? (await store.generations.blob(hash)) ?? readEntry(workspace, manifest, hash);
    for (const finding of (await undoneEdits(versions, read)).slice(0, MOST_REPORTED))
      holder.recordEvent("gate.finding", finding);
  });
}

function isSame(a: Manifest, b: Manifest): boolean {
  return isUnchanged(changesBetween(a, b));
}

/** How many drafts of a space are kept, and for how long. */
const MOST_DRAFTS = 10;
const DRAFT_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Keeps what a dry run would have published: exactly the bytes that passed the gate, with what they were made from.
 * `lost`: the job is another's. May be repeated: the same work has the same hash.
 */
export function keepDraft(deps: RunDeps) {
  return fromPromise<DraftAnswer, DraftInput>(async ({ input }) => {
    const lease = deps.holder.lease();
    if (lease === null) return { kind: "lost" };
    const { store, clock } = deps;
    const { run, space, base, watermark, limit, unchanged } = input;
    const manifest = unchanged ? await filesOf(deps, base) : await verifiedFiles(deps, input);
    const digest = inputsDigest(await store.memories.inputsOf(run));
    const draft: Draft = {
      hash: draftHash(space, base, digest, manifest),
      space,
      run,
      base,
      inputsDigest: digest,
      watermark,
      limit,
      agent: input.agent ?? null,
      findings: input.findings ?? 0,
      createdAtMs: clock.nowMs(),
    };
    const blobs = unchanged
      ? new Map<string, Uint8Array>()
      : await inWorkspace(deps.files, deps.places.workspace, (workspace) =>
          missingBlobs(store, manifest, workspace),
        );
    const kept = await store.generations.keepDraft({ lease, draft, manifest, blobs });
    if (kept === "lost") return { kind: "lost" };
    await dropOldDrafts(deps, space);
    return { kind: "kept", draft: draft.hash };
  });
}

async function filesOf({ store }: RunDeps, base: string | null): Promise<Manifest> {
  return base === null ? [] : ((await store.generations.manifest(base)) ?? []);
}

const HASH_LENGTH = 16;

function draftHash(space: string, base: string | null, digest: string, manifest: Manifest): string {
  const content = JSON.stringify([space, base, digest, manifest.map((entry) => [entry.path, entry.hash])]);
  return hash("sha256", content, "hex").slice(0, HASH_LENGTH);
}

async function dropOldDrafts({ store, clock }: RunDeps, space: string): Promise<void> {
  const oldest = clock.nowMs() - DRAFT_DAYS * DAY_MS;
  const drafts = await store.generations.drafts(space);
  const over = drafts.filter(({ createdAtMs }, place) => place >= MOST_DRAFTS || createdAtMs < oldest);
  if (over.length === 0) return;
  await store.generations.removeDrafts(
    space,
    over.map((draft) => draft.hash),
  );
}
