import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Store } from "../../domain/ports.ts";
import { createEngine } from "../../internal/engine.ts";
import { agentNamed } from "../agents.ts";
import { choicesFrom } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { memoryRoots, openExistingStore, runNamed } from "../store.ts";
import { bold } from "../ui/text.ts";

export function addCancel(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("cancel")
    .argument("<run>", "the run's id, the beginning of it, or last")
    .summary("cancel a run, from any process")
    .description(
      "Ends the run's agent and releases its job. A run at work in another process hears it within 2 seconds.",
    )
    .addHelpText("after", examples("slowwave cancel last", "slowwave cancel 1k3c0e --json"))
    .action((run: string, _: object, command: Command) => end(cancelRun(invocation(shell, command), run)));
}

interface CancelReport {
  readonly run: string;
  /** `requested`: its process was asked and has not answered yet. `over`: there was nothing left to cancel. */
  readonly answer: "cancelled" | "requested" | "over";
}

/** A living owner looks for requests every second; ending an agent may take some more. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 100;

/** `slowwave cancel`; returns the exit code. */
export async function cancelRun(at: Invocation, name: string): Promise<number> {
  const { places, world, output, json } = at;
  const store = await openExistingStore(places);
  try {
    const { id } = await runNamed(name, store, places);
    const { settings, agent, ...how } = choicesFrom({}, world.env, places.configFile);
    const engine = createEngine({
      ...settings,
      store: store as Store,
      agent: agentNamed(agent, how),
      home: places.home,
      memoryRoot: memoryRoots(places),
    });
    try {
      const outcome = await engine.cancel(id);
      const answer = outcome === "requested" ? await waitForEnd(id, engine.result, world.nowMs) : outcome;
      const report: CancelReport = { run: id, answer: answer === "unknown" ? "over" : answer };
      if (json) output.printJson(report);
      else output.print([bold(`run ${id}`), ` ${SENTENCES[report.answer]}`]);
      return EXIT.ok;
    } finally {
      await engine.close();
    }
  } finally {
    await store?.close();
  }
}

const SENTENCES = {
  cancelled: "was cancelled and its job released.",
  requested: "was asked to end; `slowwave status` shows when it has.",
  over: "was over already; there was nothing to cancel.",
} as const;

async function waitForEnd(
  run: string,
  result: (run: string) => Promise<{ readonly outcome: string } | null>,
  nowMs: () => number,
): Promise<CancelReport["answer"]> {
  for (const until = nowMs() + PATIENCE_MS; nowMs() < until; await sleep(LOOK_MS)) {
    const found = await result(run);
    if (found !== null) return found.outcome === "cancelled" ? "cancelled" : "over";
  }
  return "requested";
}
