import type { Command } from "commander";
import { causeOf, codeOf } from "../../domain/failure.ts";
import type { Store } from "../../domain/ports.ts";
import { adoptHome } from "../../internal/store.ts";
import {
  type Check,
  checkAgent,
  checkClock,
  checkGenerations,
  checkHome,
  checkInputs,
  checkJobs,
  checkLeftovers,
  checkMemoryRoot,
  checkNode,
  checkRetries,
  checkRuns,
  checkSandbox,
  checkSessions,
  checkStore,
  failure,
} from "../doctor-checks.ts";
import { checkCodex } from "../doctor-codex.ts";
import { checkDelivery } from "../doctor-connections.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore } from "../store.ts";
import { bold, cyan, dim, green, red, yellow } from "../ui/text.ts";

export function addDoctor(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("doctor")
    .summary("what is wrong, and the command that mends it")
    .description(
      "Checks Node, home, store, jobs, runs, sessions, connections, clock, memory root, agent, and what was left behind.",
    )
    .option("--full", "hash every file of every generation again, however long it takes")
    .option("--adopt-home", "this folder is the home from now on, whatever it was copied from")
    .addHelpText("after", examples("slowwave doctor", "slowwave doctor --space my-project --json"))
    .action((options: { full?: boolean; adoptHome?: boolean }, command: Command) =>
      end(doctor(invocation(shell, command), options.full === true, options.adoptHome === true)),
    );
}

/** `slowwave doctor`; returns the exit code: 1 when something is broken, warnings are none. */
export async function doctor(at: Invocation, full = false, isAdopted = false): Promise<number> {
  if (isAdopted) await adoptHome(at.places.home);
  const checks = await allChecks(at, full);
  if (at.json) at.output.printJson({ checks });
  else for (const check of checks) printChecks(check, at);
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
    const isShown =
      codeOf(error) === "home_foreign" ||
      first.some(({ name, verdict }) => name === "store" && verdict === "fail");
    return [
      ...first,
      ...(isShown ? [] : [failure("store", causeOf(error))]),
      await checkSandbox(patient),
      await checkAgent(patient),
    ];
  }
  try {
    const patient = { at, store };
    return [
      ...first,
      ...(await checkInputs(patient)),
      ...(await checkJobs(patient)),
      ...(await checkRetries(patient)),
      ...(await checkRuns(patient)),
      ...(await checkSessions(patient)),
      ...(await checkDelivery(patient)),
      ...(await checkCodex(patient)),
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

function printChecks({ name, verdict, message, mend }: Check, { output }: Invocation): void {
  output.print([SIGNS[verdict], " ", bold(name.padEnd(12)), dim(message)]);
  if (mend !== null) output.print(["     ", cyan("→"), ` ${mend}`]);
}
