import type { Command } from "commander";
import type { AgentProbe } from "../../domain/agent.ts";
import { causeOf } from "../../domain/failure.ts";
import { AGENT_NAMES, agentNamed } from "../agents.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { bold, cyan, dim, green, yellow } from "../ui/text.ts";

export function addAgents(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("agents")
    .summary("agents that are here, what each can do, what is missing")
    .description(
      "Tries every agent that `run --agent` knows: its version, its sandbox, its use of the network.",
    )
    .addHelpText("after", examples("slowwave agents", "slowwave agents --json"))
    .action((_: object, command: Command) => end(listAgents(invocation(shell, command))));
}

interface Listed {
  readonly name: string;
  readonly here: boolean;
  readonly version: string | null;
  readonly sandbox: string | null;
  readonly network: "none" | "open";
  /** Whether `--model` means something to it. */
  readonly usesModel: boolean;
  /** Whether it can mend in a further turn what the gate refused. */
  readonly repairs: boolean;
  /** What is not here and what to do; null when it is here. */
  readonly missing: string | null;
}

/** `slowwave agents`: every agent that can be named, each tried; an agent that is missing is no failure. */
export async function listAgents({ json, output }: Invocation): Promise<number> {
  const agents = await Promise.all(AGENT_NAMES.map(listed));
  if (json) {
    output.printJson({ agents });
    return EXIT.ok;
  }
  for (const agent of agents) {
    const head = [agent.here ? green("here   ") : yellow("missing"), " ", bold(agent.name.padEnd(12))];
    output.print([...head, dim(abilities(agent))]);
    if (agent.missing !== null) output.print(["        ", cyan("→"), ` ${agent.missing}`]);
  }
  return EXIT.ok;
}

async function listed(name: string): Promise<Listed> {
  const runner = agentNamed(name);
  const found = await (runner.probe?.() ?? Promise.resolve<AgentProbe>({ sandbox: "none" })).catch(
    (error: unknown): AgentProbe => ({ missing: causeOf(error) }),
  );
  const isMissing = "missing" in found;
  return {
    name,
    here: !isMissing,
    version: isMissing ? null : (found.version ?? null),
    sandbox: isMissing ? null : found.sandbox,
    network: isMissing ? runner.network : (found.network ?? runner.network),
    usesModel: runner.usesModel ?? true,
    repairs: runner.singleTurn !== true,
    missing: isMissing ? found.missing : null,
  };
}

function abilities({ version, sandbox, network, usesModel, repairs }: Listed): string {
  return [
    ...(version === null ? [] : [version]),
    ...(sandbox === null ? [] : [`sandbox ${sandbox}`]),
    `network ${network}`,
    usesModel ? "a model" : "no model",
    repairs ? "can repair" : "one turn",
  ].join(" · ");
}
