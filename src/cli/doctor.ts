import { causeOf } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import { checkAgent } from "./checks/agent.ts";
import { type Check, failure } from "./checks/check.ts";
import { checkClock } from "./checks/clock.ts";
import { checkGenerations } from "./checks/generations.ts";
import { checkHome } from "./checks/home.ts";
import { checkJobs } from "./checks/jobs.ts";
import { checkLeftovers } from "./checks/leftovers.ts";
import { checkMemoryRoot } from "./checks/memory-root.ts";
import { checkNode } from "./checks/node.ts";
import { checkRuns } from "./checks/runs.ts";
import { checkSandbox } from "./checks/sandbox.ts";
import { checkStore } from "./checks/store.ts";
import { EXIT } from "./exit-code.ts";
import { bold, cyan, dim, green, red, yellow } from "./paint.ts";
import type { Invocation } from "./shell.ts";
import { openExistingStore } from "./store.ts";

/** `slowwave doctor`; returns the exit code: 1 when something is broken, warnings are none. */
export async function doctor(at: Invocation, full = false): Promise<number> {
  const checks = await allChecks(at, full);
  if (at.json) at.output.printJson({ checks });
  else for (const check of checks) tell(check, at);
  return checks.some(({ verdict }) => verdict === "fail") ? EXIT.failed : EXIT.ok;
}

async function allChecks(at: Invocation, full: boolean): Promise<readonly Check[]> {
  const first = [checkNode(), await checkHome({ at, store: null }), checkStore(at)];
  let store: Store | null;
  try {
    store = await openExistingStore(at.places);
  } catch (error) {
    // Without the store, what it would say cannot be checked; the file may have said why already.
    const patient = { at, store: null };
    const isTold = first.some(({ name, verdict }) => name === "store" && verdict === "fail");
    return [
      ...first,
      ...(isTold ? [] : [failure("store", causeOf(error))]),
      await checkSandbox(patient),
      await checkAgent(patient),
    ];
  }
  try {
    const patient = { at, store };
    return [
      ...first,
      ...(await checkJobs(patient)),
      ...(await checkRuns(patient)),
      await checkClock(patient),
      ...(await checkMemoryRoot(patient)),
      ...(await checkGenerations(patient, full)),
      await checkSandbox(patient),
      await checkAgent(patient),
      ...(await checkLeftovers(patient)),
    ];
  } finally {
    await store?.close();
  }
}

const SIGNS = { ok: green("ok  "), warn: yellow("warn"), fail: red("fail") } as const;

function tell({ name, verdict, message, mend }: Check, { output }: Invocation): void {
  output.print([SIGNS[verdict], " ", bold(name.padEnd(12)), dim(message)]);
  if (mend !== null) output.print(["     ", cyan("→"), ` ${mend}`]);
}
