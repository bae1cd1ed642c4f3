import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import {
  AGENT_TITLES,
  agentTitle,
  type Change,
  CONNECTABLE,
  type ConnectionState,
  HOWS,
  type How,
  type Removal,
  WAYS,
} from "../../internal/delivery.ts";
import {
  agentFrom,
  connectAgent,
  connectionStates,
  disconnectAgent,
  previewConnection,
} from "../connecting.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { bold, dim, green, type Line, yellow } from "../ui/text.ts";

interface ConnectFlags {
  readonly how?: How;
  readonly print?: boolean;
}

export function addConnect(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("connect")
    .argument("<agent>", CONNECTABLE.join(", "))
    .summary("show the memory to an agent")
    .description(
      "Puts the memory where the agent reads it, by the least intrusive way it allows, and keeps it up to date with each " +
        "run. Every byte is undone by `slowwave disconnect`.",
    )
    .addOption(
      new Option(
        "--how <way>",
        "file, skill, block, hook or mcp (default: the first the agent takes)",
      ).choices([...HOWS]),
    )
    .option("--print", "print every byte that would be written, and write nothing")
    .addHelpText(
      "after",
      examples(
        "slowwave connect claude",
        "slowwave connect codex --how block --print",
        "slowwave connect gemini --how hook",
      ),
    )
    .action((name: string, flags: ConnectFlags, command: Command) =>
      end(connect(invocation(shell, command), name, flags)),
    );
}

export function addDisconnect(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("disconnect")
    .argument("[agent]", "the agent, or --all")
    .summary("take the memory back from an agent, byte for byte")
    .description("Removes what `slowwave connect` wrote and nothing else; what you edited around it stays.")
    .option("--all", "from every agent")
    .addHelpText("after", examples("slowwave disconnect claude", "slowwave disconnect --all"))
    .action((name: string | undefined, { all }: { all?: boolean }, command: Command) =>
      end(disconnectFrom(invocation(shell, command), name, all === true)),
    );
}

export function addConnections(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("connections")
    .summary("where the memory is shown, and whether it is up to date")
    .description("Lists every connection, and brings to its end what a killed process left half done.")
    .addHelpText("after", examples("slowwave connections", "slowwave connections --json"))
    .action((_: object, command: Command) => end(connections(invocation(shell, command))));
}

async function connect(at: Invocation, name: string, { how, print }: ConnectFlags): Promise<number> {
  const agent = agentFrom(name);
  const way = how ?? WAYS[agent][0] ?? "file";
  const changes = await (print === true ? previewConnection : connectAgent)(at, agent, way);
  const { output, json } = at;
  if (json) {
    output.printJson({ agent, how: way, written: print !== true, targets: changes.map(changeView) });
    return EXIT.ok;
  }
  if (print === true) for (const change of changes) printChange(change, at);
  else {
    for (const change of changes) output.print([dim("  wrote  "), `${change.place.path}${noteOf(change)}`]);
    output.print([
      green("connected"),
      ` · ${AGENT_TITLES[agent]} by ${way}; \`slowwave disconnect ${agent}\` undoes it`,
    ]);
    if (way === "hook" && agent === "codex")
      output.info(yellow("Codex runs a new hook only when you have trusted it: open /hooks in Codex once."));
  }
  return EXIT.ok;
}

function changeView({ target, place, after }: Change) {
  return {
    path: place.path,
    kind: target.kind,
    exists: place.text !== null,
    unchanged: place.text === after,
    before: place.text === null ? null : Buffer.byteLength(place.text),
    after,
  };
}

function noteOf({ target, place, after }: Change): string {
  if (place.text === after) return " (as it was)";
  if (target.kind === "file") return place.text === null ? "" : " (anew)";
  const what = target.kind === "block" ? "one marked block" : "one entry";
  return place.text === null ? ` (${what}, in a new file)` : ` (${what}; the rest stays as it is)`;
}

function printChange(change: Change, { output }: Invocation): void {
  const { place, after } = change;
  output.print([bold(place.path), dim(noteOf(change))]);
  output.printText(after.trimEnd());
  output.print("");
}

async function disconnectFrom(at: Invocation, name: string | undefined, all: boolean): Promise<number> {
  if ((name === undefined) !== all)
    throw new SlowwaveError("invalid_usage", "Name the agent to disconnect, or give --all.");
  const agents = name === undefined ? CONNECTABLE : [agentFrom(name)];
  const removed: (Removal & { readonly agent: string })[] = [];
  for (const agent of agents)
    for (const removal of await disconnectAgent(at, agent)) removed.push({ agent, ...removal });
  const { output, json } = at;
  if (json) output.printJson({ removed });
  else if (removed.length === 0)
    output.print(
      `${name === undefined ? "No agent" : agentTitle(name)} was not connected; nothing was changed.`,
    );
  else {
    for (const { path, isAsBefore, isKept } of removed)
      output.print([
        dim(isKept ? "  kept    " : "  undone  "),
        path,
        dim(isKept ? "  (another agent reads it)" : isAsBefore ? "" : "  (your later edits were kept)"),
      ]);
    output.print([
      green("disconnected"),
      ` · ${[...new Set(removed.map(({ agent }) => agentTitle(agent)))].join(", ")}`,
    ]);
  }
  return EXIT.ok;
}

async function connections(at: Invocation): Promise<number> {
  const states = await connectionStates(at);
  const { output, json } = at;
  if (json) output.printJson({ space: at.places.space, connections: states.map(stateView) });
  else if (states.length === 0)
    output.print(`No agent is connected; \`slowwave connect AGENT\` does it (${CONNECTABLE.join(", ")}).`);
  else for (const state of states) output.print(...stateLines(state));
  return states.every(({ problem }) => problem === null) ? EXIT.ok : EXIT.failed;
}

function stateView({ row, verdict, problem }: ConnectionState) {
  const { agent, how, path, kind, atMs } = row;
  return { agent, how, path, kind, verdict, problem, writtenAt: new Date(atMs).toISOString() };
}

function stateLines({ row, verdict, problem }: ConnectionState): readonly Line[] {
  const sign = problem === null ? green("ok  ") : yellow("warn");
  return [
    [sign, " ", bold(row.agent.padEnd(9)), dim(row.how.padEnd(6)), row.path, dim(`  ${verdict}`)],
    ...(problem === null ? [] : [["     → ", problem] satisfies Line]),
  ];
}
