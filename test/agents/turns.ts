import type { AgentHandle } from "../../src/domain/agent.ts";

/** Resolves at the completion of turn `wanted`, counted from 1. */
export function completed({ events$ }: AgentHandle, wanted: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) =>
    events$.subscribe((event) => {
      if (event.type === "agent.completed") seen += 1;
      if (seen === wanted) resolve();
    }),
  );
}
