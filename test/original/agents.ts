import { Observable } from "rxjs";
import type { AgentTask } from "../../src/agents/function-agent.ts";
import type { AgentEvent, AgentRunner } from "../../src/domain/agent.ts";
import { scriptedHandle, scriptedRunner } from "../agents/scripted-handle.ts";

/** Works until it is told to stop. */
export function tireless({ signal }: Pick<AgentTask, "signal">): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

/** Starts, runs, and says this as soon as `when` resolves; null: its stream ends without a final status. */
export function saying(word: AgentEvent | null, when: () => Promise<void>): AgentRunner {
  return scriptedRunner({
    async spawn(spec) {
      const { handle, emit, end } = scriptedHandle(spec.key);
      emit({ type: "agent.starting" });
      emit({ type: "agent.running" });
      void when().then(() => (word === null ? end() : emit(word)));
      return handle;
    },
  }).runner;
}

/** Starts, but nobody can follow it once it is at work. */
export function unfollowable(closed: () => void): AgentRunner {
  let subscriptions = 0;
  return scriptedRunner({
    async spawn(spec) {
      const { handle } = scriptedHandle(spec.key);
      const close = async () => closed();
      const events$ = new Observable<AgentEvent>((subscriber) => {
        subscriptions += 1;
        if (subscriptions > 1) subscriber.error(new Error("the status channel is gone"));
      });
      return { ...handle, events$, close };
    },
  }).runner;
}
