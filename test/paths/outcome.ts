import { type Graph, LOOPS, type Path } from "./graph.ts";
import type { Walked } from "./walk.ts";

/**
 * How a walk must have ended, whatever crashes there were: as the path says, unless the crash cost the run its last
 * allowed restart; with at most one agent at any time, and with one generation if it was published and none if not.
 */
export function endOf(graph: Graph, path: Path, walked: Walked): Walked {
  const planned = path.at(-1)?.to ?? graph.start;
  const names = walked.path.map(({ name }) => name);
  const restarts = names.filter((name) => name === "agent.gone" || name === "spawnAgent: stale").length;
  const isWornOut = restarts > LOOPS;
  const wasCommitted = names.some(
    (name) => name === "publishMemory: published" || name === "publishMemory: error",
  );
  return {
    path: walked.path,
    end: isWornOut ? walked.end : planned,
    generations: wasCommitted ? 1 : 0,
    mostAgents: names.includes("spawnAgent: spawned") ? 1 : walked.mostAgents,
  };
}
