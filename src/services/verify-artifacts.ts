import { fromPromise } from "xstate";
import type { VerifyAnswer, VerifyInput } from "../domain/phase2.ts";
import { hostFiles, isHostPath } from "../memory-files/host-files.ts";
import { carryOverMemory } from "../memory-files/memory-edits.ts";
import { scan } from "../memory-files/scan.ts";
import { forgetVerified, keepVerified } from "../memory-files/verified.ts";
import type { Workbench } from "../memory-files/workbench.ts";
import { loadBase } from "../validation/candidate.ts";
import { fileLimit } from "../validation/limits.ts";
import { keepQuarantined } from "../validation/quarantine.ts";
import { inWorkspace, rewrite, verifyWorkspace } from "../validation/verify-workspace.ts";

/** A hostile workspace can hold thousands of faults; the person is told of the first ones and of their number. */
const TOLD = 100;

/**
 * The gate. What it let through is written down by content hash, and only that can be published. Findings go to the
 * run's log. May be repeated; rejects when the workspace can't be read.
 */
export function verifyArtifacts(bench: Workbench) {
  return fromPromise<VerifyAnswer, VerifyInput>(async ({ input }) => {
    const { store, hold } = bench;
    await forgetVerified(bench);
    await keepHandEdits(bench, input.base);
    const base = await loadBase(store.generations, input.base);
    const files = await hostFiles(await store.memories.inputsOf(input.run));
    const rules = { severities: bench.gate ?? {}, repairsLeft: input.repairsLeft };
    const { answer, findings, cuts, manifest } = await verifyWorkspace(bench, files, base, rules);
    for (const finding of findings.slice(0, TOLD)) hold.note("gate.finding", finding);
    await keepQuarantined(bench, cuts);
    if (manifest !== null) await keepVerified(bench, manifest);
    return answer;
  });
}

/** Puts what the person wrote and took away into the agent's files, so that what is judged is what would be published. */
async function keepHandEdits({ store, files, places }: Workbench, base: string | null): Promise<void> {
  const generation = base === null ? null : await store.generations.read(base);
  const edits = generation?.handEdits;
  if (generation === null || edits === undefined) return;
  const manifest = (await store.generations.manifest(generation.id)) ?? [];
  await inWorkspace(files, places.workspace, async (workspace) => {
    const { kept } = await scan(workspace, {
      limit: fileLimit,
      keep: (path) => !isHostPath(path),
      litter: "foreign",
    });
    const changed = await carryOverMemory({ manifest, edits }, kept, (hash) => store.generations.blob(hash));
    for (const [path, content] of changed) await rewrite(workspace, path, content);
  });
}
