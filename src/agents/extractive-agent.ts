import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type {
  AgentEvent,
  AgentHandle,
  AgentProbe,
  AgentRunner,
  AgentSpec,
  AgentUsage,
} from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { sanitizeUsage } from "../domain/usage.ts";
import { scrubbedEnvironment } from "../process/environment.ts";
import type { OutputLimits } from "../process/line-reader.ts";
import { type Command, type ProcessEnd, superviseProcess } from "../process/supervised-process.ts";
import { endOrphanProcess } from "../process/tree.ts";
import { sandboxNamed } from "../sandbox/bubblewrap.ts";
import {
  confinedNode,
  type NodeScript,
  probeNodePermission,
  unconfinedNode,
} from "../sandbox/node-permission.ts";
import { type SandboxName, sandboxHome } from "../sandbox/sandbox.ts";
import { plainText } from "../text/sanitize.ts";
import { agentStream } from "./agent-stream.ts";

export interface ExtractiveAgentOptions {
  /** The Node that runs it; default: the one this process runs on. */
  readonly node?: string;
  /** Between asking it to end and ending it. */
  readonly graceMs?: number;
  /**
   * Default: Node's permission model, and bubblewrap around it where that holds. `bubblewrap`: not without it.
   * `none`: neither.
   */
  readonly sandbox?: SandboxName;
}

/** `.ts` in the sources, `.js` in the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const MAIN = fileURLToPath(new URL(`../extractive/main${EXTENSION}`, import.meta.url));
const CODE = fileURLToPath(new URL("..", import.meta.url));

type Kept = "bubblewrap+node-permission" | "node-permission" | "none";
type Network = "none" | "open";

/**
 * The built-in consolidator: no model, no cost, no use of the network. A child process in one turn, under Node's
 * permission model and, where it can be had, in a sandbox of its own.
 *
 * @example
 * ```ts
 * const engine = createEngine({ store, home, agent: extractiveAgent() });
 * extractiveAgent({ sandbox: "bubblewrap" }); // not without it
 * ```
 */
export function extractiveAgent(options: ExtractiveAgentOptions = {}): AgentRunner {
  const { node = process.execPath, graceMs } = options;
  const agent = (sandbox: Kept) =>
    statusAgent({
      name: "extractive",
      sandbox,
      network: "none",
      usesModel: false,
      command: (spec) => commandIn(sandbox, node, spec),
      probe: () => kept(node, options.sandbox),
      ...(graceMs === undefined ? {} : { graceMs }),
    });
  return {
    ...agent("none"),
    async spawn(spec, clock, signal) {
      const found = await kept(node, options.sandbox);
      if ("missing" in found) {
        const cause = new SlowwaveError("failed_sandbox_policy", found.missing);
        throw new SlowwaveError("agent_not_started", 'The agent "extractive" could not be started.', {
          cause,
        });
      }
      return agent(found.sandbox).spawn(spec, clock, signal);
    },
  };
}

async function commandIn(sandbox: Kept, node: string, spec: AgentSpec): Promise<Command> {
  const { workspace, runFolder, key } = spec;
  const env = scrubbedEnvironment(process.env, key);
  const script: NodeScript = { node, main: MAIN, code: CODE, workspace, env };
  if (sandbox === "none") return unconfinedNode(script);
  const command = await confinedNode(script);
  if (sandbox === "node-permission") return command;
  const sandboxSpec = { workspace, home: sandboxHome(runFolder), readable: [CODE], network: "none" } as const;
  return sandboxNamed("bubblewrap").confine(command, sandboxSpec);
}

/** The permission model is tried inside the sandbox: that shows at once that this Node lives there. */
async function kept(
  node: string,
  wanted: SandboxName | undefined,
): Promise<{ readonly sandbox: Kept; readonly network: Network } | { readonly missing: string }> {
  if (wanted === "none") return { sandbox: "none", network: "open" };
  const bubblewrap = sandboxNamed("bubblewrap");
  const sandboxSpec = await bubblewrap.probe("none");
  if (!("missing" in sandboxSpec)) {
    const inside = await probeNodePermission(node, bubblewrap);
    if (!("missing" in inside)) return { sandbox: "bubblewrap+node-permission", network: "none" };
    if (wanted === "bubblewrap") return inside;
  } else if (wanted === "bubblewrap") return sandboxSpec;
  const model = await probeNodePermission(node);
  return "missing" in model ? model : { sandbox: "node-permission", network: model.network };
}

export interface StatusAgentOptions {
  readonly name: string;
  /** What keeps the process in its workspace: `node-permission`, `none`, … */
  readonly sandbox: string;
  readonly network: "none" | "open";
  readonly usesModel: boolean;
  /** May reject with `failed_sandbox_policy`. */
  command(spec: AgentSpec): Promise<Command>;
  probe?(): Promise<AgentProbe>;
  readonly limits?: OutputLimits;
  readonly graceMs?: number;
  /** After its final line a process has this long to exit by itself. */
  readonly exitMs?: number;
}

/** What the process said last, kept back until nothing of it lives. */
type LastWord =
  | { readonly type: "completed"; readonly message: string | null }
  | { readonly type: "errored"; readonly message: string };

const EXIT_MS = 2_000;

/**
 * An agent that is a child process, takes one turn, and tells its status as NDJSON on stdout.
 * Its end is told only when its whole process tree is gone, so that nobody writes while the result is verified.
 */
export function statusAgent(options: StatusAgentOptions): AgentRunner {
  const { name, network, usesModel, probe } = options;
  return {
    name,
    network,
    usesModel,
    singleTurn: true,
    ...(probe === undefined ? {} : { probe }),
    spawn: (spec, clock) => startProcess(options, spec, clock),
    endOrphan: endOrphanProcess,
  };
}

async function startProcess(
  options: StatusAgentOptions,
  spec: AgentSpec,
  clock: Clock,
): Promise<AgentHandle> {
  const { name, exitMs = EXIT_MS, graceMs, limits } = options;
  const stream = agentStream();
  let usage: AgentUsage | null = null;
  let last: LastWord | null = null;
  let interrupted = false;
  let exitTimer: unknown = null;
  stream.emit({ type: "agent.starting" });

  const started = superviseProcess({
    command: () => options.command(spec),
    key: spec.key,
    agent: name,
    runFolder: spec.runFolder,
    clock,
    onLine: onLine,
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(limits === undefined ? {} : { limits }),
  });
  const child = await started;

  function onLine(text: string): void {
    if (last !== null) return;
    const line = parseStatusLine(text);
    if (line === null) {
      finish(
        {
          type: "errored",
          message: `the agent was ended: it wrote a line that is not a status: ${plainText(text, 200)}`,
        },
        0,
      );
    } else if (line.type === "completed" || line.type === "errored") {
      finish(line, exitMs);
    } else if (line.type === "usage") {
      onUsage(line.usage);
    } else {
      stream.emit(eventOf(line));
      // One turn is all it takes, and the limits count from what is reported.
      if (line.type === "running" && usage === null) onUsage({ turns: 1 });
    }
  }

  function onUsage(reported: unknown): void {
    usage = sanitizeUsage(reported, usage);
    stream.emit({ type: "agent.usage", usage });
  }

  function finish(word: LastWord, waitMs: number): void {
    last = word;
    // The first lines may be heard before the start has returned.
    exitTimer = clock.setTimeout(() => void started.then((process) => process.end()).catch(() => {}), waitMs);
  }

  const over = child.ended.then((end) => {
    if (exitTimer !== null) clock.clearTimeout(exitTimer);
    if (interrupted) stream.emit({ type: "agent.interrupted" });
    else stream.emit(outcomeOf(end, last));
    stream.end();
    return end;
  });

  async function stop(graceMs?: number): Promise<void> {
    if (last === null) interrupted = true;
    await child.end(graceMs);
    const { left } = await over;
    if (left !== null) throw left;
  }

  return {
    id: spec.key,
    threadId: null,
    sandbox: options.sandbox,
    events$: stream.events$,
    lastActivityMs: child.lastOutputMs,
    prompt: async () => {
      throw new SlowwaveError(
        "agent_single_turn",
        `The agent "${name}" takes one turn and can't mend its work in another.`,
      );
    },
    interrupt: () => stop(),
    close: (how) => stop(how?.graceMs),
  };
}

function outcomeOf(end: ProcessEnd, last: LastWord | null) {
  if (end.left !== null) return errored(end.left.message);
  if (end.overflow !== null) return errored(`the agent was ended: ${end.overflow}`);
  if (last?.type === "errored") return errored(withStderr(last.message, end));
  const how = end.signal === null ? `exited with code ${end.code}` : `was ended by ${end.signal}`;
  if (last === null) return errored(withStderr(`the agent ${how} without saying that it was done`, end));
  if (end.code !== 0 && !end.asked)
    return errored(withStderr(`the agent said it was done, then ${how}`, end));
  return { type: "agent.completed", message: last.message } as const;
}

function withStderr(what: string, { stderr }: ProcessEnd): string {
  const lastWords = plainText(stderr.trim().slice(-400), 400);
  return lastWords === "" ? what : `${what}: ${lastWords}`;
}

function errored(message: string) {
  return { type: "agent.errored", message } as const;
}

/**
 * One line of NDJSON on the stdout of an agent of ours. The last two are final; what follows them is ignored.
 *
 *   {"type":"running"}                       {"type":"usage","usage":{"turns":1,"inputTokens":null,…}}
 *   {"type":"message","text":"…"}            {"type":"completed","message":"…"}
 *   {"type":"thought","text":"…"}            {"type":"errored","message":"…"}
 *   {"type":"tool","name":"…","text":"…"}
 */
const schema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("running") }),
  z.object({ type: z.literal("message"), text: z.string() }),
  z.object({ type: z.literal("thought"), text: z.string() }),
  z.object({ type: z.literal("tool"), name: z.string(), text: z.string().default("") }),
  z.object({ type: z.literal("usage"), usage: z.unknown() }),
  z.object({ type: z.literal("completed"), message: z.string().nullable().default(null) }),
  z.object({ type: z.literal("errored"), message: z.string() }),
]);

export type StatusLine = z.infer<typeof schema>;

/** Null for a line that is none of these. */
export function parseStatusLine(line: string): StatusLine | null {
  try {
    return schema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

export type ReportLine = Exclude<StatusLine, { type: "completed" | "errored" | "usage" }>;

export function eventOf(line: ReportLine): AgentEvent {
  switch (line.type) {
    case "running":
      return { type: "agent.running" };
    case "message":
      return { type: "agent.message", text: line.text };
    case "thought":
      return { type: "agent.thought", text: line.text };
    case "tool":
      return { type: "agent.tool", name: line.name, text: line.text };
  }
}
