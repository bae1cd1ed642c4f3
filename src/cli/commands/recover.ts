import type { Command } from "commander";
import type { RunResult } from "../../domain/event.ts";
import type { LearnResult } from "../../domain/phase1.ts";
import type { Store } from "../../domain/ports.ts";
import { spacesOfAbandonedOperations } from "../../internal/runs.ts";
import { learnerOn, unfinishedExtractors } from "../learning.ts";
import { followed, withEngine } from "../run-with-engine.ts";
import { choicesFrom } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { hasStore, memoryPlace } from "../store.ts";
import { reportRun } from "../ui/run-report.ts";
import { bold, counted } from "../ui/text.ts";

export function addRecover(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("recover")
    .summary("finish runs whose process died")
    .description(
      "Takes over every unfinished run whose process is dead, in all spaces, and brings it to its end. A space that a killed apply or purge still has is free again.",
    )
    .addHelpText("after", examples("slowwave recover", "slowwave recover --json"))
    .action((_: object, command: Command) => end(recoverRuns(invocation(shell, command))));
}

/** `slowwave recover`; returns the exit code: 1 when a recovered run failed. */
export async function recoverRuns(at: Invocation): Promise<number> {
  const { places, output, json, world } = at;
  if (!(await hasStore(places))) return printReport([], [], at, []);
  return withEngine(at, choicesFrom({}, world.env, places.configFile), async (engine, store) => {
    const freed = await spacesOfAbandonedOperations(store);
    const runs = await engine.recover();
    const results: RunResult[] = [];
    for (const run of runs) {
      output.info([bold(`continuing run ${run.id}`), ` of space ${run.space}`]);
      const result = await followed(at, run);
      if (!json) reportRun(result, { memory: memoryPlace(places, run.space), home: places.home }, output);
      results.push(result);
    }
    return printReport(results, freed, at, await recoverSessions(at, store));
  });
}

/** Sessions that a killed process was learning, each by who began it. */
async function recoverSessions(at: Invocation, store: Store): Promise<readonly LearnResult[]> {
  const results: LearnResult[] = [];
  for (const extractor of await unfinishedExtractors(store)) {
    const { learner } = learnerOn(at, store, { extractor, settings: {} });
    try {
      results.push(...(await Promise.all((await learner.recover()).map(({ result }) => result))));
    } finally {
      await learner.close();
    }
  }
  return results;
}

function printReport(
  recovered: readonly RunResult[],
  freed: readonly string[],
  { output, json }: Invocation,
  sessions: readonly LearnResult[],
): number {
  if (json) output.printJson({ recovered, freed, ...(sessions.length > 0 ? { sessions } : {}) });
  else if (recovered.length + freed.length + sessions.length === 0)
    output.print("Nothing to recover: no run was left unfinished by a dead process.");
  else {
    output.print(...freed.map(freedLine));
    if (sessions.length > 0) output.print(`${counted(sessions.length, "session")} learned to the end`);
  }
  return [...recovered, ...sessions].every(({ outcome }) => outcome === "succeeded" || outcome === "skipped")
    ? EXIT.ok
    : EXIT.failed;
}

function freedLine(space: string): string {
  return `space ${space} is free again; the apply or purge that was killed there can be repeated`;
}
