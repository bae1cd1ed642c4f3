import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Observable, ReplaySubject } from "rxjs";
import type { AgentEvent, AgentHandle, AgentRunner, AgentSpec } from "../../../src/domain/agent.ts";
import { SlowwaveError } from "../../../src/domain/failure.ts";
import type { Faults } from "./faults.ts";

/** A living agent of this world. It outlives the process that started it, as a child process does. */
export interface ScriptedAgent {
  readonly spec: AgentSpec;
  readonly said: ReplaySubject<AgentEvent>;
}

export interface AgentYard {
  readonly runner: AgentRunner;
  alive(): readonly ScriptedAgent[];
  /** How many lived at once at most. */
  mostAlive(): number;
  starts(): number;
  /** The next start gives a handle whose statuses can't be followed. */
  silenceNext(): void;
  /** The agent that lives can't be ended any more. */
  makeUnkillable(): void;
  /** Whatever held on to it lets go. */
  makeMortal(): void;
}

const RECORD = "scripted-agent";

/** Agents without work of their own: the test says what becomes of each. */
export function agentYard(faults: Faults): AgentYard {
  const living = new Set<ScriptedAgent>();
  const unkillable = new Set<ScriptedAgent>();
  let mostAlive = 0;
  let starts = 0;
  let isSilent = false;

  const end = (agent: ScriptedAgent) => {
    if (unkillable.has(agent)) throw new SlowwaveError("agent_unkillable", "The agent can't be ended.");
    living.delete(agent);
  };

  const handleOf = (agent: ScriptedAgent): AgentHandle => {
    const events$ = isSilent ? new Observable<AgentEvent>() : agent.said.asObservable();
    if (isSilent) {
      events$.subscribe = () => {
        throw new Error("the stream of statuses is broken");
      };
    }
    isSilent = false;
    return {
      id: agent.spec.key,
      threadId: null,
      sandbox: "none",
      events$,
      prompt: async () => {},
      interrupt: async () => {},
      close: async () => end(agent),
    };
  };

  return {
    runner: {
      name: "scripted",
      network: "none",
      async probe() {
        const fault = faults.of("agent.probe");
        if (fault === null) return { sandbox: "none" };
        if (fault.error instanceof SlowwaveError) return { missing: fault.error.message };
        throw fault.error;
      },
      async spawn(spec) {
        await mkdir(spec.runFolder, { recursive: true });
        await writeFile(join(spec.runFolder, RECORD), spec.key);
        const fault = faults.of("agent.spawn");
        if (fault !== null) throw fault.error;
        const agent = { spec, said: new ReplaySubject<AgentEvent>() };
        living.add(agent);
        starts += 1;
        mostAlive = Math.max(mostAlive, living.size);
        return handleOf(agent);
      },
      async endOrphan(runFolder) {
        const fault = faults.of("agent.endOrphan");
        if (fault !== null) throw fault.error;
        for (const agent of living) if (agent.spec.runFolder === runFolder) end(agent);
        return stat(join(runFolder, RECORD)).then(
          () => true,
          () => false,
        );
      },
    },
    alive: () => [...living],
    mostAlive: () => mostAlive,
    starts: () => starts,
    silenceNext() {
      isSilent = true;
    },
    makeUnkillable() {
      for (const agent of living) unkillable.add(agent);
    },
    makeMortal: () => unkillable.clear(),
  };
}
