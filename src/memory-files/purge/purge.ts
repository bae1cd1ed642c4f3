import { SlowwaveError } from "../../domain/failure.ts";
import { changesBetween, isUnchanged } from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import type { Stage1Output } from "../../domain/memory.ts";
import type { ApplyDeps } from "../apply.ts";
import type { EditedMemory } from "../memory-edits.ts";
import { publishManifest } from "../publish.ts";
import { memoryOf, reconcileRoot } from "../reconcile-root.ts";
import { CONTROL_LEASE_SECONDS, takeSpace, withRootLock } from "../root-lock.ts";
import {
  createScrubber,
  memoryIn,
  purgeFolders,
  purgeGenerations,
  purgeLog,
  type Scrub,
} from "./purge-steps.ts";
import { type Traces, tracesOf } from "./traces.ts";

export interface PurgeRequest {
  /** Names what it publishes; never the thread. */
  readonly id: string;
  readonly threadId: string;
  readonly space: string;
  /** Null: the memory is in the store alone. */
  readonly root: string | null;
  /** `<home>/rejected` and `<home>/staging`. */
  readonly folders: readonly string[];
  readonly worker: string;
  readonly token: string;
}

export interface Purged {
  /** Versions of the thread that were kept as input. */
  readonly inputs: number;
  /** What readers see now, if it had to change. */
  readonly generation: string | null;
  readonly rewritten: readonly string[];
  /** Places in the memory of which it can't be known whether they come from the thread; they are as they were. */
  readonly undecided: readonly string[];
  readonly drafts: number;
  readonly folders: number;
  readonly logged: number;
}

const OTHERS = 4_096;
const PAGE = 500;
const MOST_GENERATIONS = 100_000;

/**
 * Takes a thread out of everything a space has: first out of what was made of it, then its own rows, so that one that
 * was killed can be repeated to its end. The job becomes dirty. The store's files are compacted by the caller, when all
 * spaces are done.
 */
export async function purge(deps: ApplyDeps, request: PurgeRequest): Promise<Purged | "running"> {
  const { store, clock } = deps;
  const { space, threadId } = request;
  const row = await store.jobs.read(space);
  if (row?.status !== "running" && (await isUnknown(deps, space, threadId))) return NOTHING;
  if (row?.status !== "running") await store.jobs.enqueue(space, row?.input_watermark ?? 0);
  const taken = await takeSpace(deps, request);
  if (taken === "running" || taken === "clean") return "running";
  const { lease, before } = taken;
  const release = () =>
    store.jobs.release({ lease, reason: "purged", restore: before, nowMs: clock.nowMs() });
  try {
    const versions = await store.memories.versionsOf(space, threadId);
    const others = (await store.memories.select(space, OTHERS)).filter(
      (output) => output.threadId !== threadId,
    );
    const traces = tracesOf(threadId, versions, others);
    const purged = await purgeAll(deps, request, { lease, traces, versions });
    await release();
    return purged;
  } catch (error) {
    await release();
    throw error;
  }
}

const NOTHING: Purged = {
  inputs: 0,
  generation: null,
  rewritten: [],
  undecided: [],
  drafts: 0,
  folders: 0,
  logged: 0,
};

/** Its rows go last: when they and every generation are without it, so is everything else. */
async function isUnknown({ store }: ApplyDeps, space: string, threadId: string): Promise<boolean> {
  if ((await store.memories.versionsOf(space, threadId)).length > 0) return false;
  const scrub = createScrubber(store.generations, threadId, tracesOf(threadId, [], []));
  for (const { id } of await store.generations.list(space, MOST_GENERATIONS)) {
    if ((await scrubChanges(scrub, await memoryIn(store.generations, id))) !== null) return false;
  }
  return true;
}

/** Null: no file changes. */
async function scrubChanges(scrub: Scrub, memory: EditedMemory) {
  const scrubbed = await scrub(memory);
  return scrubbed === null || isUnchanged(changesBetween(memory.manifest, scrubbed.manifest))
    ? null
    : scrubbed;
}

interface At {
  readonly lease: Lease;
  readonly traces: Traces;
  readonly versions: readonly Stage1Output[];
}

async function purgeAll(deps: ApplyDeps, request: PurgeRequest, at: At): Promise<Purged> {
  const { store, clock, files } = deps;
  const { space, threadId, folders } = request;
  const { lease, traces } = at;
  const renew = async () => {
    const times = { leaseSeconds: CONTROL_LEASE_SECONDS, nowMs: clock.nowMs() };
    if ((await store.jobs.renew([lease], times)).lost.length > 0) throw lost();
  };
  const scrub = createScrubber(store.generations, threadId, traces);
  const { generation, undecided } = await withRootLock(deps, space, () =>
    publishWithout(deps, request, lease, scrub),
  );
  const context = { space, lease, nowMs: clock.nowMs(), renew };
  const rewritten = await purgeGenerations(store.generations, context, scrub);
  if (rewritten === "lost") throw lost();
  const drafts = await purgeDrafts(deps, space, scrub);
  await renew();
  await purgeOrphans(deps, traces);
  const logged = await purgeLog(store.runs, traces);
  await renew();
  const isAlive = async (run: string) => (await store.runs.read(run))?.state === "active";
  let removed = 0;
  for (const folder of folders) removed += await purgeFolders(files, folder, traces, isAlive);
  await renew();
  if ((await store.memories.forget(threadId, lease)) === "lost") throw lost();
  const inputs = new Set(at.versions.map(({ sourceUpdatedAt }) => sourceUpdatedAt)).size;
  return { inputs, generation, rewritten, undecided, drafts, folders: removed, logged };
}

/** What readers see, without the thread. */
async function publishWithout(
  deps: ApplyDeps,
  { id, space, root }: PurgeRequest,
  lease: Lease,
  scrub: Scrub,
): Promise<{ readonly generation: string | null; readonly undecided: readonly string[] }> {
  const reconciled = await reconcileRoot(deps, { run: id, space, root, lease });
  if (reconciled === "lost") throw lost();
  const { head, actual, foreign } = reconciled;
  const scrubbed = head === null ? null : await scrub(memoryOf(head));
  const undecided = scrubbed?.undecided ?? [];
  if (head === null || scrubbed === null || isUnchanged(changesBetween(head.manifest, scrubbed.manifest))) {
    return { generation: null, undecided };
  }
  const published = await publishManifest(deps, {
    lease,
    generation: {
      id: `${id}-purged`,
      space,
      parent: head.generation.id,
      run: null,
      kind: "purged",
      createdAtMs: deps.clock.nowMs(),
      handEdits: scrubbed.edits,
    },
    manifest: scrubbed.manifest,
    blobs: scrubbed.blobs,
    root,
    actual,
    foreign,
  });
  if (published === "lost") throw lost();
  return { generation: `${id}-purged`, undecided };
}

async function purgeDrafts({ store }: ApplyDeps, space: string, scrub: Scrub): Promise<number> {
  const { generations } = store;
  const gone: string[] = [];
  const hashes: string[] = [];
  for (const { hash } of await generations.drafts(space)) {
    const manifest = (await generations.draft(space, hash))?.manifest ?? [];
    if ((await scrubChanges(scrub, { manifest, edits: {} })) === null) continue;
    gone.push(hash);
    hashes.push(...manifest.map((entry) => entry.hash));
  }
  await generations.removeDrafts(space, gone);
  for (let from = 0; from < hashes.length; from += PAGE) {
    const some = hashes.slice(from, from + PAGE);
    await generations.collect({ nowMs: 0, graceMs: 0, limit: PAGE, hashes: some });
  }
  return gone.length;
}

/** What nothing names any more, and the collector has not come to yet. */
async function purgeOrphans({ store }: ApplyDeps, traces: Traces): Promise<void> {
  const { generations } = store;
  for (let after = ""; ; ) {
    const page = await generations.orphans({ after, limit: PAGE });
    const hashes: string[] = [];
    for (const hash of page) {
      const bytes = await generations.blob(hash);
      if (bytes !== null && traces.hits(Buffer.from(bytes).toString(), "possible")) hashes.push(hash);
    }
    if (hashes.length > 0) await generations.collect({ nowMs: 0, graceMs: 0, limit: PAGE, hashes });
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last;
  }
}

function lost(): SlowwaveError {
  return new SlowwaveError(
    "failed_lost_ownership",
    "Another worker took the space over in the middle of the purge; purge again, it goes on where it stopped.",
  );
}
