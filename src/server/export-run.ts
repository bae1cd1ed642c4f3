import { codeOf } from "../domain/failure.ts";
import type { DiffAnswer, ExportedRun, SnapshotAnswer } from "./api.ts";
import { diffOf } from "./generations.ts";
import type { Refolder } from "./refold.ts";
import { type DetailDeps, readRun, runDetail } from "./run-detail.ts";
import { snapshotOf } from "./runs-list.ts";

/** Newest log rows of an export; older ones are left out, and `hasEarlier` says so. */
const MOST_EVENTS = 20_000;

/** Everything the page shows of one run, as one document. */
export async function exportRun(
  id: string,
  deps: DetailDeps & { readonly refolder: Refolder },
): Promise<ExportedRun> {
  const detail = await runDetail(id, { ...deps, canStart: false, events: MOST_EVENTS });
  const { store } = deps;
  const record = await readRun(store.runs, id);
  const { context } = snapshotOf(record);
  const { generation, base = null } = context;
  const isPublished = generation != null && generation !== base;
  return {
    format: "slowwave-run",
    version: 1,
    exportedAtMs: deps.nowMs,
    detail,
    snapshots: await snapshotsOf(deps.refolder.fold(record)),
    diff: isPublished ? await readable(diffOf(store.generations, { from: base, to: generation })) : null,
  };
}

/** A run of another version is exported without its moments. */
async function snapshotsOf(folding: ReturnType<Refolder["fold"]>): Promise<readonly SnapshotAnswer[]> {
  try {
    const folded = await folding;
    return folded.map(({ row, value, snapshot }) => ({ sequence: row.sequence ?? 0, value, snapshot }));
  } catch (error) {
    if (codeOf(error) === "other_machine") return [];
    throw error;
  }
}

/** Purged generations leave nothing to compare. */
async function readable(diff: Promise<DiffAnswer>): Promise<DiffAnswer | null> {
  try {
    return await diff;
  } catch (error) {
    if (codeOf(error) === "unknown_generation") return null;
    throw error;
  }
}
