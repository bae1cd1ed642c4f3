import { fromPromise } from "xstate";
import type { VerifyAnswer, VerifyInput } from "../domain/phase2.ts";
import { hostFiles } from "../memory-files/host-files.ts";
import { forgetVerified, keepVerified } from "../memory-files/verified.ts";
import type { Workbench } from "../memory-files/workbench.ts";
import { loadBase } from "../validation/base.ts";
import { keepQuarantined } from "../validation/quarantined.ts";
import { verifyWorkspace } from "../validation/verify-workspace.ts";

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
