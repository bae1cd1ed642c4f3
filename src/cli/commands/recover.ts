import type { Command } from "commander";
import type { RunResult } from "../../domain/event.ts";
import { causeOf, codeOf } from "../../domain/failure.ts";
import type { LearnResult } from "../../domain/phase1.ts";
import type { Store } from "../../domain/ports.ts";
import { systemClock } from "../../internal/engine.ts";
import { nodeFiles } from "../../internal/files.ts";
import { clearAbandonedStaging, type LeftStaging, spacesOfAbandonedOperations } from "../../internal/runs.ts";
import { learnerOn, unfinishedExtractors } from "../learning.ts";
import { followed, withEngine } from "../run-with-engine.ts";
import { choicesFrom } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { hasStore, memoryPlace } from "../store.ts";
import { reportRun } from "../ui/run-report.ts";
import { bold, counted, quoted, yellow } from "../ui/text.ts";

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
  if (!(await hasStore(places))) return printReport({ recovered: [], freed: [], sessions: [], left: [] }, at);
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
    const sessions = await recoverSessions(at, store);
    // The engine has tried; what it could not remove is tried once more, to hear why.
    const left = await clearAbandonedStaging({ store, clock: systemClock, files: nodeFiles() }, places.home);
    return printReport({ recovered: results, freed, sessions, left }, at);
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

interface Report {
  readonly recovered: readonly RunResult[];
  /** Spaces that a killed operation still had. */
  readonly freed: readonly string[];
  readonly sessions: readonly LearnResult[];
  readonly left: readonly LeftStaging[];
}

function printReport({ recovered, freed, sessions, left }: Report, { output, json }: Invocation): number {
  const refused = left.map(({ path, cause }) => ({ path, message: leftLine(path, cause) }));
  if (json) {
    output.printJson({
      recovered,
      freed,
      ...(sessions.length > 0 ? { sessions } : {}),
      ...(left.length > 0 ? { left: refused } : {}),
    });
  } else {
    for (const { message } of refused) output.info([yellow(message)]);
    if (recovered.length + freed.length + sessions.length === 0)
      output.print("Nothing to recover: no run was left unfinished by a dead process.");
    output.print(...freed.map(freedLine));
    if (sessions.length > 0) output.print(`${counted(sessions.length, "session")} learned to the end`);
  }
  return [...recovered, ...sessions].every(({ outcome }) => outcome === "succeeded" || outcome === "skipped")
    ? EXIT.ok
    : EXIT.failed;
}

/** `EPERM` is said to the owner of a file, or to root, when the file is immutable or may only be appended to. */
function leftLine(path: string, cause: unknown): string {
  const could = `${path} could not be removed (${causeOf(cause).replace(/\.$/, "")})`;
  const code = codeOf(cause);
  if (code === "EPERM") {
    return `${could}: an agent that worked as root without a sandbox may have made files in it immutable. Run \`chattr -R -f -i -a ${quoted(path)}\` as root, then \`slowwave recover\` again.`;
  }
  if (code === "EBUSY") {
    return `${could}: something is mounted in it. Unmount it as root, then run \`slowwave recover\` again.`;
  }
  return `${could}. See the cause, then run \`slowwave recover\` again.`;
}

function freedLine(space: string): string {
  return `space ${space} is free again; the apply or purge that was killed there can be repeated`;
}
