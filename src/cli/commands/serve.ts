import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { durationMs } from "../duration.ts";
import { examples, invocation, type Shell } from "../shell.ts";

interface ServeOptions {
  readonly port?: number;
  readonly every?: number;
  readonly agent?: string;
  readonly model?: string;
}

export function addServe(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("serve")
    .summary("the visualizer, and an HTTP API, on 127.0.0.1")
    .description("Serves the visualizer and the HTTP API on 127.0.0.1, and prints the address to open.")
    .addOption(
      new Option("--port <n>", "port to listen on; 0: any (default: 7411, or any)").argParser(portOf),
    )
    .addOption(
      new Option("--every <duration>", "run spaces that are due, now and then as often, e.g. 10m").argParser(
        (text) => durationMs(text, "--every"),
      ),
    )
    .option("--agent <name>", "which agent works in runs started here (default: extractive)")
    .option("--model <model>", "the agent's model")
    .addHelpText("after", examples("slowwave serve", "slowwave serve --port 8080 --every 15m"))
    .action(({ port, every, agent, model }: ServeOptions, command: Command) =>
      end(
        import("../serve.ts").then(({ serve }) =>
          serve(invocation(shell, command), {
            values: {
              ...(agent === undefined ? {} : { agent: { flag: "--agent", text: agent } }),
              ...(model === undefined ? {} : { model: { flag: "--model", text: model } }),
            },
            port: port ?? null,
            everyMs: every ?? null,
          }),
        ),
      ),
    );
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new SlowwaveError("invalid_usage", `--port needs a number from 0 to 65535, not "${text}".`);
}
