import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { functionAgent } from "slowwave/agents";
import { openSqliteStore } from "slowwave/sqlite";
import { consolidate } from "../engine/diligent.ts";

/** A worker of a recipe; told what to do by its environment, tells its parent what became of it. */
const { RECIPE, HOME_FOLDER = "", DATABASE = "", PORT = "0", AGENT_MS = "0" } = process.env;
const store = await openSqliteStore({ path: `${HOME_FOLDER}/slowwave.db` });

/** Tells that it is at work, and takes its time, so that it can be killed in it. */
const agent = functionAgent(async (context) => {
  appendFileSync(`${HOME_FOLDER}/agents.log`, `${process.pid}\n`);
  process.send?.({ type: "agent" });
  await pause(Number(AGENT_MS));
  await consolidate(context.workspace);
  return "done";
});

if (RECIPE === "dbos") {
  const { startWorker } = await import("../../examples/recipes/dbos.ts");
  const worker = await startWorker({
    store,
    agent,
    home: HOME_FOLDER,
    systemDatabaseUrl: DATABASE,
    executorID: "worker-1",
  });
  process.send?.({ type: "ready" });
  process.on("message", async (space: string) => {
    const handle = await worker.consolidate(space);
    process.send?.({ type: "result", id: handle.workflowID, result: await handle.getResult() });
  });
} else {
  const { startWorker } = await import("../../examples/recipes/restate.ts");
  await startWorker({ store, agent, home: HOME_FOLDER, port: Number(PORT) });
  process.send?.({ type: "ready" });
}
