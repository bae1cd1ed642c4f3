import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

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
    .action((_: object, command: Command) =>
      end(import("../list-agents.ts").then(({ listAgents }) => listAgents(invocation(shell, command)))),
    );
}
