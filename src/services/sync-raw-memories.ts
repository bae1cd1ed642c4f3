import { fromPromise } from "xstate";
import { changesBetween, isUnchanged, type Manifest } from "../domain/generation.ts";
import type { Stage1Output } from "../domain/memory.ts";
import type { RawMemoriesAnswer, RunInput } from "../domain/phase2.ts";
import type { Folder } from "../files/folder.ts";
import { removeTree } from "../files/tree.ts";
import { inspectRoot } from "../memory-files/check-root.ts";
import { isConsolidated } from "../memory-files/generation-names.ts";
import {
  type HostFile,
  hostFiles,
  isHostPath,
  manifestOf,
  RAW_MEMORIES,
} from "../memory-files/host-files.ts";
import type { Workbench } from "../memory-files/workbench.ts";
import { candidateIn, loadBase } from "../validation/candidate.ts";
import { inputInstructions } from "../validation/injection.ts";
import { CHECKS, judge } from "../validation/judge.ts";
import { inWorkspace } from "../validation/verify-workspace.ts";

/** What the original clears away when nothing is left to remember (section 4.4); here in staging only. */
const CLEARED = ["MEMORY.md", "memory_summary.md", "skills"];

/**
 * Rebuilds `raw_memories.md` in the workspace, clears the agent's files when the run has no input, and says
 * whether an agent has anything to do. May be repeated.
 */
export function syncRawMemories(bench: Workbench) {
  return fromPromise<RawMemoriesAnswer, RunInput & { base: string | null }>(
    async ({ input: { run, space, base } }) => {
      const inputs = await bench.store.memories.inputsOf(run);
      return inWorkspace(bench.files, bench.places.workspace, async (workspace) => {
        const hosts = await writeHostPart(workspace, inputs);
        const unchanged = inputs.length > 0 && (await isBaseStill(bench, { space, base, hosts, workspace }));
        return { unchanged };
      });
    },
  );
}

async function writeHostPart(
  workspace: Folder,
  inputs: readonly Stage1Output[],
): Promise<readonly HostFile[]> {
  const files = await hostFiles(inputs);
  const raw = files.find(({ path }) => path === RAW_MEMORIES);
  if (raw !== undefined) {
    await workspace.remove(RAW_MEMORIES);
    await workspace.create(RAW_MEMORIES, raw.content);
  }
  if (inputs.length === 0) for (const name of CLEARED) await removeTree(workspace, name);
  return files;
}

/** The inputs are those of the base, so what they hold has been told. */
const OF_THE_AGENT = CHECKS.filter((check) => check !== inputInstructions);

/**
 * Nothing to do for an agent: the host's files are those of the base, the base came from a run and not from a person's
 * hand, the root still holds it, and it would pass the gate today.
 */
async function isBaseStill(
  { store, files, places, homeId, gate }: Workbench,
  now: {
    readonly space: string;
    readonly base: string | null;
    readonly hosts: readonly HostFile[];
    readonly workspace: Folder;
  },
): Promise<boolean> {
  const generation = now.base === null ? null : await store.generations.read(now.base);
  if (generation === null || !isConsolidated(generation)) return false;
  const base = (await store.generations.manifest(generation.id)) ?? [];
  const isSame = (manifest: Manifest) => isUnchanged(changesBetween(base, manifest));
  const hosts = base.filter(({ path }) => isHostPath(path));
  // The cheap comparison first: most runs have new inputs, and need no look at the disk.
  if (!isUnchanged(changesBetween(hosts, manifestOf(now.hosts)))) return false;
  const before = await loadBase(store.generations, generation.id);
  const candidate = await candidateIn(now.workspace, now.hosts, before);
  if (!isSame(candidate.manifest)) return false;
  const rules = { severities: gate ?? {}, repairsLeft: 0 };
  const { answer } = await judge(candidate, rules, OF_THE_AGENT);
  if (answer.verdict !== "passed") return false;
  return inspectRoot(files, places.root, { home: homeId, space: now.space }, {}, async (found) =>
    isSame(found?.scan.manifest ?? []),
  );
}
