import type { AgentHandle } from "../domain/agent.ts";
import type { AgentMeter } from "../domain/usage.ts";
import type { TreeSize } from "../files/folder.ts";

/**
 * The agents this process holds. Shared by the actors that start, watch and close them; an agent that is not
 * here was started by another process, or is gone.
 */
export interface AgentRegistry {
  /** Announces a start under way, so that a close meanwhile waits for it. */
  starting(run: string, start: Promise<unknown>): void;
  /** `meter`: what counts the use of this agent, if somebody does. `start`: size of its workspace before it began. */
  add(run: string, handle: AgentHandle, meter?: AgentMeter, start?: TreeSize): void;
  find(agent: string): AgentHandle | null;
  meterOf(agent: string): AgentMeter | null;
  startOf(agent: string): TreeSize | null;
  /** Settles when no start of this run is under way. Never rejects. */
  started(run: string): Promise<void>;
  ofRun(run: string): readonly AgentHandle[];
  remove(agent: string): void;
}

export function createAgentRegistry(): AgentRegistry {
  const held = new Map<
    string,
    {
      readonly run: string;
      readonly handle: AgentHandle;
      readonly meter: AgentMeter | null;
      readonly start: TreeSize | null;
    }
  >();
  // By run as well: one process may hold thousands.
  const runs = new Map<string, Map<string, AgentHandle>>();
  const starts = new Map<string, Promise<unknown>>();

  return {
    starting(run, start) {
      const starting = Promise.allSettled([starts.get(run), start]);
      starts.set(run, starting);
      void starting.then(() => {
        if (starts.get(run) === starting) starts.delete(run);
      });
    },
    add(run, handle, meter, start) {
      held.set(handle.id, { run, handle, meter: meter ?? null, start: start ?? null });
      runs.set(run, (runs.get(run) ?? new Map()).set(handle.id, handle));
    },
    find: (agent) => held.get(agent)?.handle ?? null,
    meterOf: (agent) => held.get(agent)?.meter ?? null,
    startOf: (agent) => held.get(agent)?.start ?? null,
    started: async (run) => void (await starts.get(run)),
    ofRun: (run) => [...(runs.get(run)?.values() ?? [])],
    remove(agent) {
      const run = held.get(agent)?.run ?? "";
      held.delete(agent);
      runs.get(run)?.delete(agent);
      if (runs.get(run)?.size === 0) runs.delete(run);
    },
  };
}
