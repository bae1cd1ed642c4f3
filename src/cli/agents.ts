import { randomUUID } from "node:crypto";
import type { AgentHandle, AgentRunner } from "../domain/agent.ts";
import { SlowwaveError } from "../domain/failure.ts";
import {
  ACP_PRESETS,
  type AcpAgentOptions,
  type AcpPresetName,
  acpAgent,
  codexAgent,
  extractiveAgent,
} from "../internal/agents.ts";
import type { Program, SandboxName } from "../internal/sandbox.ts";
import type { World } from "./world.ts";

/** How the chosen agent is started. */
export interface AgentChoice {
  /** Absent: each agent's own default. Codex always works in its own. */
  readonly sandbox?: SandboxName;
  /** Program and first arguments of the agent "acp". */
  readonly agentCommand?: Program;
}

/** Every agent the command line can start. */
const AGENTS: Readonly<Record<string, (choice: AgentChoice) => AgentRunner>> = {
  extractive: (choice) => extractiveAgent(choice),
  codex: () => codexAgent(),
  ...Object.fromEntries((Object.keys(ACP_PRESETS) as AcpPresetName[]).map((name) => [name, preset(name)])),
  acp: ({ agentCommand, ...choice }) =>
    acp({ ...choice, ...(agentCommand === undefined ? {} : { command: agentCommand }) }),
};

function preset(name: AcpPresetName) {
  return ({ sandbox }: AgentChoice) => acp({ preset: name, ...(sandbox === undefined ? {} : { sandbox }) });
}

function acp(options: AcpAgentOptions): AgentRunner {
  return acpAgent({ ...options, newSecret: randomUUID });
}

export const AGENT_NAMES: readonly string[] = Object.keys(AGENTS);

export function agentNamed(name: string, choice: AgentChoice = {}): AgentRunner {
  const make = Object.hasOwn(AGENTS, name) ? AGENTS[name] : undefined;
  if (make !== undefined) return make(choice);
  throw new SlowwaveError(
    "unknown_agent",
    `There is no agent "${name}" here; known: ${AGENT_NAMES.join(", ")}.`,
  );
}

/** The agent that works: the one of that name that the surroundings bring, else the command line's own. */
export function workingAgent(world: Pick<World, "agents">, name: string, choice: AgentChoice): AgentRunner {
  return world.agents?.[name] ?? agentNamed(name, choice);
}

/** An agent whose processes can be ended at once, when there is no time to ask the engine. */
export function abortable(runner: AgentRunner): { readonly runner: AgentRunner; abortAll(): Promise<void> } {
  const handles = new Set<AgentHandle>();
  return {
    runner: {
      ...runner,
      spawn: async (spec, clock, signal) => {
        const handle = await runner.spawn(spec, clock, signal);
        handles.add(handle);
        return handle;
      },
    },
    abortAll: async () => {
      await Promise.allSettled([...handles].map((handle) => handle.close()));
    },
  };
}
