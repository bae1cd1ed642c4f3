import { Subject } from "rxjs";
import { agentStream } from "../../src/agents/agent-stream.ts";
import type { AgentEvent, AgentHandle, AgentRunner, AgentSpec } from "../../src/domain/agent.ts";

/** A handle whose events the test tells; what is asked of it is recorded. */
export function scriptedHandle(id = "r1/agent/0", steer?: AgentHandle["steer"]) {
  const stream = agentStream();
  const asked: string[] = [];
  const handle: AgentHandle = {
    id,
    threadId: "thread",
    sandbox: "bubblewrap",
    events$: stream.events$,
    ...(steer === undefined ? {} : { steer }),
    async prompt(text) {
      asked.push(`prompt: ${text}`);
      stream.nextTurn();
    },
    async interrupt() {
      asked.push("interrupt");
    },
    async close() {
      asked.push("close");
      stream.end();
    },
  };
  return { handle, asked, emit: (event: AgentEvent) => stream.emit(event), end: () => stream.end() };
}

/** A handle over a bare subject: it keeps none of the promises that `agentStream` keeps. */
export function carelessHandle(id = "r1/agent/0") {
  const events$ = new Subject<AgentEvent>();
  const nothing = async () => {};
  const handle: AgentHandle = {
    id,
    threadId: null,
    sandbox: "none",
    events$,
    prompt: nothing,
    interrupt: nothing,
    close: nothing,
  };
  return { handle, events$ };
}

export function scriptedRunner(scripted: Partial<AgentRunner> = {}) {
  const specs: AgentSpec[] = [];
  const orphansAsked: string[] = [];
  const runner: AgentRunner = {
    name: "scripted",
    network: "none",
    ...scripted,
    async spawn(spec, clock) {
      specs.push(spec);
      if (scripted.spawn !== undefined) return scripted.spawn(spec, clock);
      return scriptedHandle(spec.key).handle;
    },
    async endOrphan(runFolder, clock) {
      orphansAsked.push(runFolder);
      return scripted.endOrphan?.(runFolder, clock) ?? false;
    },
  };
  return { runner, specs, orphansAsked };
}
