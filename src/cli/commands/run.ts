import { resolve } from "node:path";
import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { followed, withEngine } from "../run-with-engine.ts";
import { choicesFrom, type FlagValues } from "../settings.ts";
import { examples, exitCodeOf, type Invocation, invocation, type Shell } from "../shell.ts";
import { memoryPlace } from "../store.ts";
import { reportRun } from "../ui/run-report.ts";
import { bold, dim, yellow } from "../ui/text.ts";
import type { World } from "../world.ts";

/** Flags that set a setting, each with the setting's name. */
const SETTING_FLAGS = {
  agent: "agent",
  model: "model",
  sandbox: "sandbox",
  limit: "maxInputs",
  maxMinutes: "maxRunMinutes",
  maxSilenceMinutes: "maxSilenceMinutes",
  maxTurns: "maxTurns",
  maxToolCalls: "maxToolCalls",
  maxTokens: "maxTokens",
  maxCost: "maxCostUsd",
  maxOutputBytes: "maxOutputBytes",
  maxRunsPerDay: "maxRunsPerDay",
  maxTokensPerDay: "maxTokensPerDay",
  maxCostPerDay: "maxCostUsdPerDay",
} as const;

type RunOptions = Partial<Record<keyof typeof SETTING_FLAGS, string>> & {
  now?: boolean;
  strict?: boolean;
  dryRun?: boolean;
};

export function addRun(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  program
    .command("run")
    .summary("one consolidation now, with live progress")
    .description("Folds what is new into the memory of the space, in the foreground, and says how it ended.")
    .argument("[command...]", "after two dashes: the program of the agent acp, with its arguments")
    .usage("[options] [-- <command...>]")
    .option("--agent <name>", "which agent does the work (default: extractive, built in, no model)")
    .option("--model <model>", "the agent's model")
    .option("--sandbox <name>", "bubblewrap, or none (it then reaches all that you can); Codex has its own")
    .option("--now", "ignore backoff, used-up retries and cooldown; never a living run or a day's budget")
    .option("--dry-run", "do everything but publish; print the diff, and a hash for `slowwave apply`")
    .option("--strict", "exit 3 when the run was skipped")
    .option("--limit <n>", "newest stage-1 outputs to consolidate, 1 to 4096 (default: 256)")
    .option("--max-minutes <n>", "wall clock, decimals allowed, or none (default: 60)")
    .option("--max-silence-minutes <n>", "longest silence of the agent, or none (default: 10)")
    .option("--max-turns <n>", "turns of the agent, or none (default: 40)")
    .option("--max-tool-calls <n>", "tool calls of the agent, or none (default: 2000)")
    .option("--max-tokens <n>", "tokens of the agent (default: none)")
    .option("--max-cost <usd>", "cost of the agent (default: none)")
    .option("--max-output-bytes <n>", "all that the agent says, or none (default: 16777216)")
    .option("--max-runs-per-day <n>", "runs of this space within 24 hours (default: none)")
    .option("--max-tokens-per-day <n>", "tokens of this space within 24 hours (default: none)")
    .option("--max-cost-per-day <usd>", "cost of this space within 24 hours (default: none)")
    .addHelpText(
      "after",
      examples(
        "slowwave run",
        "slowwave run --dry-run",
        "slowwave run --now --max-minutes 2.5",
        "slowwave run --json --strict",
        "slowwave run --agent opencode --model anthropic/claude-sonnet-4-5",
        "slowwave run --agent acp -- goose acp",
      ),
    )
    .action((words: readonly string[], options: RunOptions, command: Command) =>
      end(
        consolidate(invocation(shell, command), {
          values: { ...valuesOf(options), ...programOf(words, options, shell.world) },
          now: options.now === true,
          strict: options.strict === true,
          dryRun: options.dryRun === true,
        }),
      ),
    );
}

export interface RunFlags {
  readonly values: FlagValues;
  readonly now: boolean;
  readonly strict: boolean;
  readonly dryRun: boolean;
}

/** `slowwave run`: one consolidation in the foreground; returns the exit code. */
export async function consolidate(at: Invocation, flags: RunFlags): Promise<number> {
  const { places, output } = at;
  const choices = choicesFrom(flags.values, at.world.env, places.configFile);
  return withEngine(at, choices, async (engine, store) => {
    const run = await engine.start({
      space: places.space,
      now: flags.now,
      dryRun: flags.dryRun,
    });
    if (run.adopted) {
      output.info([bold(`continuing run ${run.id}`), " left unfinished by a process that died"]);
    } else output.info(dim(`run ${run.id} of space ${run.space} (agent ${choices.agent})`));
    const result = await followed(at, run);
    if (at.json) output.printJson(result);
    else reportRun(result, { memory: memoryPlace(places, run.space), home: places.home }, output);
    // "Nothing new" is no news to somebody whose database was emptied.
    if (result.status === "skipped_not_dirty") {
      const { warningsOf } = await import("./status.ts");
      for (const warning of await warningsOf(store, places)) output.info([yellow("!"), ` ${warning}`]);
    }
    return exitCodeOf(result, flags);
  });
}

/** Words count only after the two dashes: a stray one is a mistake, not a program. */
function programOf(words: readonly string[], { agent }: RunOptions, { argv, cwd }: World): FlagValues {
  if (words.length === 0) return {};
  const at = argv.indexOf("--");
  if (at === -1 || argv.length - at - 1 !== words.length) {
    throw new SlowwaveError("invalid_usage", "Too many arguments for 'run'; see `slowwave run --help`.");
  }
  if (agent !== "acp") {
    throw new SlowwaveError("invalid_usage", "Words after two dashes name the program of `--agent acp`.");
  }
  // It is started in the workspace, where relative paths lead elsewhere.
  const absolute = words.map((word) => (/^\.\.?\//.test(word) ? resolve(cwd, word) : word));
  return { agentCommand: { flag: "--", text: JSON.stringify(absolute) } };
}

function valuesOf(options: RunOptions): FlagValues {
  const names = Object.keys(SETTING_FLAGS) as (keyof typeof SETTING_FLAGS)[];
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = options[name];
      const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return text === undefined ? [] : [[SETTING_FLAGS[name], { flag, text }]];
    }),
  );
}
