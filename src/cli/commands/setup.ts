import type { Command } from "commander";
import { causeOf, SlowwaveError } from "../../domain/failure.ts";
import { AGENT_TITLES, type AgentName, CONNECTABLE, isAgentHere, WAYS } from "../../internal/delivery.ts";
import { connectAgent, disconnectAgent, surroundingsOf } from "../connecting.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { bold, cyan, dim, green, type Line, yellow } from "../ui/text.ts";
import { firstLine } from "../world.ts";
import { installSchedule, removeSchedule } from "./schedule.ts";

interface SetupFlags {
  readonly yes?: boolean;
  readonly undo?: boolean;
  readonly schedule: boolean;
}

export function addSetup(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("setup")
    .summary("find the agents here, and connect them to the memory")
    .description(
      "Says in five lines what it would do: show the memory to the agents that are here, and learn from their sessions now " +
        "and then. Does it after one yes; --undo takes all of it back.",
    )
    .option("--yes", "do it without asking")
    .option("--no-schedule", "connect the agents only")
    .option("--undo", "disconnect every agent and end the schedule")
    .addHelpText(
      "after",
      examples("slowwave setup", "slowwave setup --yes --no-schedule", "slowwave setup --undo"),
    )
    .action((flags: SetupFlags, command: Command) => {
      const at = invocation(shell, command);
      return end(flags.undo === true ? undo(at) : setup(at, flags));
    });
}

/** How one part of it went. */
interface Step {
  readonly what: string;
  readonly done: boolean;
  readonly problem: string | null;
}

async function setup(at: Invocation, { yes, schedule }: SetupFlags): Promise<number> {
  const agents = agentsHere(at);
  const { output, json } = at;
  if (agents.length === 0) {
    if (json) output.printJson({ agents, steps: [] });
    else
      output.print(
        `No agent was found here; there would be ${CONNECTABLE.map((name) => AGENT_TITLES[name]).join(", ")}.`,
      );
    return EXIT.ok;
  }
  if (!json) output.info(...planLines(at, agents, schedule));
  if (yes !== true) await confirm(at);
  const steps: Step[] = [];
  for (const agent of agents)
    steps.push(await step(`connect ${agent}`, () => connectAgent(at, agent, WAYS[agent][0] ?? "file")));
  if (schedule) steps.push(await scheduleStep(at));
  if (json) output.printJson({ agents, steps });
  else {
    for (const { what, done, problem } of steps)
      output.print([
        done ? green("done ") : yellow("left "),
        what,
        dim(problem === null ? "" : `  ${problem}`),
      ]);
    output.print([
      cyan("→"),
      " `slowwave learn --run` learns from what is there already; `slowwave setup --undo` takes it all back",
    ]);
  }
  return steps.every(({ what, done }) => done || what === "schedule") ? EXIT.ok : EXIT.failed;
}

function agentsHere(at: Invocation): readonly AgentName[] {
  const around = surroundingsOf(at);
  return CONNECTABLE.filter((agent) => isAgentHere(agent, around));
}

function planLines({ places }: Invocation, agents: readonly AgentName[], schedule: boolean): readonly Line[] {
  const names = agents.map((agent) => AGENT_TITLES[agent]).join(", ");
  const ways = agents.map((agent) => `${agent} by ${WAYS[agent][0]}`).join(", ");
  return [
    [bold("found   "), names],
    [bold("learn   "), `from their sessions on this machine, offline and free, into ${places.home}`],
    [
      bold("show    "),
      `the memory at the start of their sessions: ${ways}; \`slowwave connect AGENT --print\` shows every byte`,
    ],
    [
      bold("when    "),
      schedule ? "every 30 minutes, by the system's own timer" : "when you run `slowwave learn --run`",
    ],
    [bold("undo    "), "`slowwave setup --undo`; files of yours are as before, byte for byte"],
  ];
}

async function confirm({ output, json, world }: Invocation): Promise<void> {
  const refused = new SlowwaveError("not_confirmed", "Nothing was done: setup wants the word yes, or --yes.");
  if (json) throw refused;
  output.info("Type yes to go on:");
  if ((await firstLine(world.stdin)).trim().toLowerCase() !== "yes") throw refused;
}

async function step(what: string, work: () => Promise<unknown>): Promise<Step> {
  try {
    await work();
    return { what, done: true, problem: null };
  } catch (error) {
    return { what, done: false, problem: causeOf(error) };
  }
}

/** A machine without a timer for users is no reason to leave the rest undone. */
async function scheduleStep(at: Invocation): Promise<Step> {
  const what = "schedule";
  try {
    const { problem } = await installSchedule(at);
    if (problem === null) return { what, done: true, problem };
    await removeSchedule(at);
    return { what, done: false, problem: `${problem}; \`slowwave serve --every 30m\` does it while it runs` };
  } catch (error) {
    return { what, done: false, problem: causeOf(error) };
  }
}

async function undo(at: Invocation): Promise<number> {
  const steps: Step[] = [];
  for (const agent of CONNECTABLE)
    steps.push(await step(`disconnect ${agent}`, () => disconnectAgent(at, agent)));
  steps.push(await step("schedule", () => removeSchedule(at)));
  const { output, json } = at;
  if (json) output.printJson({ steps });
  else
    for (const { what, done, problem } of steps)
      output.print([
        done ? green("undone ") : yellow("left   "),
        what,
        dim(problem === null ? "" : `  ${problem}`),
      ]);
  return steps.every(({ done }) => done) ? EXIT.ok : EXIT.failed;
}
