import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { AgentRunner, AgentSpec } from "../../src/domain/agent.ts";
import { agentPlace, bearersOf, firstFinal } from "../../src/testing/agents.ts";
import { realClock } from "./real-clock.ts";
import { completed } from "./turns.ts";

/**
 * What `writer` left running (see `writes-on.ts`) writes nothing between its turns, goes on in the next, and is
 * gone after the last. `meanwhile` looks at it between the turns.
 */
export async function expectStillBetweenTurns(
  writer: AgentRunner,
  good: AgentRunner,
  meanwhile: (spec: AgentSpec) => void = () => {},
): Promise<void> {
  const { spec } = agentPlace();
  const tick = join(spec.workspace, "tick");
  const handle = await writer.spawn(spec, realClock);
  await firstFinal(handle.events$);
  writeFileSync(tick, "mine");
  // The whole life of another agent is time enough for many writes.
  const other = await good.spawn(agentPlace().spec, realClock);
  await firstFinal(other.events$);
  await other.close();
  expect(readFileSync(tick, "utf8")).toBe("mine");
  meanwhile(spec);
  rmSync(tick);
  await handle.prompt("again");
  await completed(handle, 2);
  expect(existsSync(tick)).toBe(true);
  await handle.close();
  expect(bearersOf(spec.key)).toEqual([]);
}
