import { fromPromise } from "xstate";
import type { RunInput, VerifyAnswer } from "../domain/phase2.ts";
import { hostFiles } from "./artifacts/host-files.ts";
import { forgetVerified, keepVerified } from "./gate/verified.ts";
import { verifyWorkspace } from "./gate/verify-workspace.ts";
import type { Workbench } from "./workspace/workbench.ts";

/** A hostile workspace can hold thousands of faults; the person is told of the first ones and of their number. */
const TOLD = 100;

/**
 * The gate. What it let through is written down by content hash, and only that can be published. Findings go to the
 * run's log. May be repeated; rejects when the workspace can't be read.
 */
export function verifyArtifacts(bench: Workbench) {
  return fromPromise<VerifyAnswer, RunInput & { base: string | null }>(async ({ input: { run, base } }) => {
    const { store, hold } = bench;
    await forgetVerified(bench);
    const before = base === null ? [] : ((await store.generations.manifest(base)) ?? []);
    const inputs = await store.memories.inputsOf(run);
    const { answer, remarks, manifest } = await verifyWorkspace(bench, await hostFiles(inputs), before);
    for (const { finding } of remarks.slice(0, TOLD)) hold.note("gate.finding", finding);
    if (manifest !== null) await keepVerified(bench, manifest);
    return answer;
  });
}
