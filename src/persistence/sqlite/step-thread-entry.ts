/** The thread behind `openSqliteStore({ writer: "thread" })`: commits steps of runs by a connection of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { connect } from "./connect.ts";
import { sqliteRuns, stepOf } from "./runs.ts";
import type { Answered, Asked, ThreadData } from "./step-thread.ts";
import { groupWriter, type StepRow } from "./writer.ts";

/** Its sender has patience of its own, and takes again what is given back. */
const PATIENCE_MS = 1_000;

const { path } = workerData as ThreadData;
const db = await connect(path, PATIENCE_MS);
const writer = groupWriter(db, { path, patienceMs: PATIENCE_MS });
const runs = sqliteRuns(db, writer);
const answer = (message: Answered) => parentPort?.postMessage(message);

parentPort?.on("message", async (asked: Asked) => {
  if (asked === "close") {
    await writer.close();
    db.close();
    parentPort?.close();
    return;
  }
  const outcomes = await Promise.all(asked.rows.map(outcomeOf));
  answer({ number: asked.number, outcomes });
});
answer("ready");

/** Null where something went wrong: the sender tries again, and reports what goes wrong then. */
async function outcomeOf(row: StepRow) {
  try {
    const { begun, request } = stepOf(row);
    return await (begun === null ? runs.commit(request) : runs.create(begun, request));
  } catch {
    return null;
  }
}
