import type { Command } from "commander";
import { hookAnswer } from "../../internal/hook.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";

/**
 * For the help, and for a hook that was written with flags before its name. The usual way in is `bin/slowwave.js`, which
 * loads no commands for it.
 */
export function addHook(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  program
    .command("hook")
    .argument("<agent>", "claude, codex, gemini or opencode")
    .summary("what an agent runs at the start and end of a session")
    .description(
      "Reads an agent's event on stdin, leaves a note that the session has something new, and answers the start of a session " +
        "with the prepared recall. Always ends with 0; `slowwave connect AGENT --how hook` registers it.",
    )
    .option("--projections <dir>", "where the recalls of a space are prepared")
    .addHelpText("after", examples("slowwave connect claude --how hook"))
    .action((agent: string, flags: { projections?: string }, command: Command) =>
      end(hook(invocation(shell, command), agent, flags.projections)),
    );
}

const MOST_STDIN = 64 * 1024;

async function hook({ world, places }: Invocation, agent: string, projections?: string): Promise<number> {
  let stdin = "";
  for await (const chunk of world.stdin) {
    stdin += Buffer.from(chunk).toString();
    if (stdin.length > MOST_STDIN) return EXIT.ok;
  }
  const folder = projections === undefined ? [] : ["--projections", projections];
  const argv = [agent, "--home", places.home, ...folder];
  const answer = hookAnswer({ argv, env: world.env, nowMs: world.nowMs, stdin });
  // The very bytes: an agent reads them, no person.
  if (answer !== null) world.stdout.write(`${answer}\n`);
  return EXIT.ok;
}
