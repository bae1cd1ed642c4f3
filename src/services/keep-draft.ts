import { hash } from "node:crypto";
import { fromPromise } from "xstate";
import type { Draft, Manifest } from "../domain/generation.ts";
import type { DraftAnswer, DraftInput } from "../domain/phase2.ts";
import { missingBlobs } from "../memory-files/blobs.ts";
import { inputsDigest } from "../memory-files/inputs-digest.ts";
import type { Workbench } from "../memory-files/workbench.ts";
import { inWorkspace } from "../validation/verify-workspace.ts";
import { verifiedFiles } from "./publish-memory.ts";

/** How many drafts of a space are kept, and for how long. */
const MOST_DRAFTS = 10;
const DRAFT_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Keeps what a dry run would have published: exactly the bytes that passed the gate, with what they were made from.
 * `lost`: the job is another's. May be repeated: the same work has the same hash.
 */
export function keepDraft(bench: Workbench) {
  return fromPromise<DraftAnswer, DraftInput>(async ({ input }) => {
    const lease = bench.hold.lease();
    if (lease === null) return { kind: "lost" };
    const { store, clock } = bench;
    const { run, space, base, watermark, limit, unchanged } = input;
    const manifest = unchanged ? await filesOf(bench, base) : await verifiedFiles(bench, input);
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
      : await inWorkspace(bench.files, bench.places.workspace, (workspace) =>
          missingBlobs(store, manifest, workspace),
        );
    const kept = await store.generations.keepDraft({ lease, draft, manifest, blobs });
    if (kept === "lost") return { kind: "lost" };
    await dropOldDrafts(bench, space);
    return { kind: "kept", draft: draft.hash };
  });
}

async function filesOf({ store }: Workbench, base: string | null): Promise<Manifest> {
  return base === null ? [] : ((await store.generations.manifest(base)) ?? []);
}

const HASH_LENGTH = 16;

function draftHash(space: string, base: string | null, digest: string, manifest: Manifest): string {
  const content = JSON.stringify([space, base, digest, manifest.map((entry) => [entry.path, entry.hash])]);
  return hash("sha256", content, "hex").slice(0, HASH_LENGTH);
}

async function dropOldDrafts({ store, clock }: Workbench, space: string): Promise<void> {
  const oldest = clock.nowMs() - DRAFT_DAYS * DAY_MS;
  const drafts = await store.generations.drafts(space);
  const over = drafts.filter(({ createdAtMs }, place) => place >= MOST_DRAFTS || createdAtMs < oldest);
  if (over.length === 0) return;
  await store.generations.removeDrafts(
    space,
    over.map((draft) => draft.hash),
  );
}
