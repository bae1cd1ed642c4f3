import { hash } from "node:crypto";
import { SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type Draft,
  type FileChanges,
  type Generation,
  isUnchanged,
  type Manifest,
} from "../domain/generation.ts";
import type { Lease } from "../domain/job.ts";
import type { Stage1Output } from "../domain/memory.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import { pathText } from "../text/sanitize.ts";
import type { RootDeps } from "./deps.ts";
import { publishedId } from "./generation-names.ts";
import { locateMemoryEdits } from "./memory-edits.ts";
import { publishManifest } from "./publish.ts";
import { memoryOf, type ReconciledRoot, reconcileRoot } from "./reconcile-root.ts";
import { takeSpace, withRootLock } from "./root-lock.ts";

export type ApplyDeps = Omit<RootDeps, "store"> & { readonly store: LocalStore };

export interface ApplyRequest {
  readonly space: string;
  /** Null: the memory is in the store alone. */
  readonly root: string | null;
  /** Of the draft, or the beginning of it. */
  readonly hash: string;
  readonly worker: string;
  readonly token: string;
}

export type ApplyAnswer =
  | { readonly kind: "running" }
  | {
      /** `unchanged`: the memory is this already; the job was settled all the same. */
      readonly kind: "applied" | "unchanged";
      readonly draft: Draft;
      readonly generation: string | null;
      readonly files: FileChanges;
    };

/**
 * Publishes a draft, byte for byte, if its inputs, its base and the memory folder are still those it was made from;
 * else rejects with `draft_outdated`, which names what changed, and leaves everything as it was. The job is settled with
 * the dry run's watermark. Repeated after a crash it finds its own generation.
 */
export async function apply(deps: ApplyDeps, request: ApplyRequest): Promise<ApplyAnswer> {
  const { store, clock } = deps;
  const { space } = request;
  const { draft, manifest } = await draftNamed(store, space, request.hash);
  const taken = await takeSpace(deps, request);
  if (taken === "running") return { kind: "running" };
  const lease = taken === "clean" ? null : taken.lease;
  try {
    const answer = await withRootLock(deps, space, () => publish(deps, request, { draft, manifest, lease }));
    if (answer.kind === "running" || lease === null) return answer;
    const outcome = await store.jobs.succeed({ lease, watermark: draft.watermark, nowMs: clock.nowMs() });
    return outcome === "lost" ? { kind: "running" } : answer;
  } catch (error) {
    if (taken !== "clean") {
      const { before } = taken;
      await store.jobs.release({
        lease: taken.lease,
        reason: "not applied",
        restore: before,
        nowMs: clock.nowMs(),
      });
    }
    throw error;
  }
}

async function publish(
  deps: ApplyDeps,
  { space, root, token }: ApplyRequest,
  { draft, manifest, lease }: { draft: Draft; manifest: Manifest; lease: Lease | null },
): Promise<ApplyAnswer> {
  const { store, clock } = deps;
  const id = publishedId(draft.run);
  const reconciled = await reconcileRoot(deps, { run: token, space, root, lease });
  if (reconciled === "lost") return { kind: "running" };
  const { head, actual, foreign } = reconciled;
  const current = head?.generation.id ?? null;
  const files = changesBetween(head?.manifest ?? [], manifest);
  if (current === id) return { kind: "unchanged", draft, generation: id, files };
  const inputs = await store.memories.select(space, draft.limit);
  const isSame = inputsDigest(inputs) === draft.inputsDigest;
  if (!isSame || current !== draft.base) throw await outdated(store, { draft, inputs, head });
  if (isUnchanged(files) && isUnchanged(changesBetween(actual, manifest))) {
    return { kind: "unchanged", draft, generation: current, files };
  }
  const handEdits =
    head === null
      ? {}
      : await locateMemoryEdits(memoryOf(head), manifest, (hash) => store.generations.blob(hash));
  const generation: Generation = {
    id,
    space,
    parent: current,
    run: draft.run,
    kind: "published",
    createdAtMs: clock.nowMs(),
    handEdits,
    ...(draft.agent === null ? {} : { agent: draft.agent, findings: draft.findings }),
  };
  const blobs = new Map<string, Uint8Array>();
  const outcome = await publishManifest(deps, { lease, generation, manifest, blobs, root, actual, foreign });
  return outcome === "lost" ? { kind: "running" } : { kind: "applied", draft, generation: id, files };
}

async function draftNamed(
  { generations }: Store,
  space: string,
  name: string,
): Promise<{ readonly draft: Draft; readonly manifest: Manifest }> {
  const drafts = await generations.drafts(space);
  const alike = drafts.filter(({ hash }) => name !== "" && hash.startsWith(name));
  const [only] = alike;
  if (alike.length > 1) {
    throw new SlowwaveError(
      "ambiguous_draft",
      `${alike.length} dry runs begin with "${pathText(name)}"; give more of the hash.`,
    );
  }
  const found = only === undefined ? null : await generations.draft(space, only.hash);
  if (found !== null) return found;
  const known = drafts.map(({ hash }) => hash).join(", ");
  throw new SlowwaveError(
    "unknown_draft",
    `No dry run "${pathText(name)}" is kept here; ${known === "" ? "`slowwave run --dry-run` makes one" : `${known.includes(",") ? "there are" : "there is"} ${known}`}.`,
  );
}

const NAMED = 5;

/** Says exactly what is no longer what a draft was made from: which inputs, which generation, which files. */
async function outdated(
  store: Pick<Store, "memories" | "generations">,
  now: {
    readonly draft: Draft;
    readonly inputs: readonly Stage1Output[];
    readonly head: ReconciledRoot["head"];
  },
): Promise<SlowwaveError> {
  const { draft, inputs, head } = now;
  const parts = [
    ...inputParts(await store.memories.inputsOf(draft.run), inputs),
    ...(await memoryParts(store, draft, head)),
  ];
  return new SlowwaveError(
    "draft_outdated",
    `Not applied, since this has changed after the dry run: ${parts.join("; ")}. ` +
      "Nothing was published; `slowwave run --dry-run` makes a new one.",
  );
}

function inputParts(then: readonly Stage1Output[], now: readonly Stage1Output[]): readonly string[] {
  const [was, is] = [byThread(then), byThread(now)];
  const added = [...is.keys()].filter((id) => !was.has(id));
  const removed = [...was.keys()].filter((id) => !is.has(id));
  const updated = [...is.keys()].filter((id) => was.has(id) && was.get(id) !== is.get(id));
  return [...named("new input", added), ...named("updated input", updated), ...named("input gone", removed)];
}

function byThread(outputs: readonly Stage1Output[]): ReadonlyMap<string, string> {
  return new Map(outputs.map((output) => [output.threadId, outputDigest(output)]));
}

async function memoryParts(
  { generations }: Pick<Store, "generations">,
  { base }: Draft,
  head: ReconciledRoot["head"],
): Promise<readonly string[]> {
  const current = head?.generation ?? null;
  if ((current?.id ?? null) === base) return [];
  const how = current?.kind === "edited" ? "the folder was edited by hand" : "the memory moved on";
  const before = base === null ? [] : ((await generations.manifest(base)) ?? []);
  const { added, modified, deleted } = changesBetween(before, head?.manifest ?? []);
  return [
    `${how} (generation ${current?.id ?? "none"} instead of ${base ?? "none"})`,
    ...named("file added", added),
    ...named("file modified", modified),
    ...named("file deleted", deleted),
  ];
}

function named(what: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, NAMED).map(pathText).join(", ");
  return [`${what} ${shown}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ""}`];
}

/** One hash for a whole selection: equal only if every field of every output, and their order, is. */
export function inputsDigest(outputs: readonly Stage1Output[]): string {
  return hash("sha256", JSON.stringify(outputs.map(fieldsOf)), "hex");
}

/** Changes with any field of the output. */
function outputDigest(output: Stage1Output): string {
  return hash("sha256", JSON.stringify(fieldsOf(output)), "hex");
}

/** In an order that does not depend on who made the object. */
function fieldsOf(output: Stage1Output): readonly unknown[] {
  return [
    output.threadId,
    output.sourceUpdatedAt,
    output.rawMemory,
    output.rolloutSummary,
    output.generatedAt,
    output.rolloutSlug,
    output.rolloutPath,
    output.cwd,
    output.gitBranch,
  ];
}
