/**
 * One process of a story that is killed: `durable-kills.child.ts STORY PHASE DATABASE LOG`. It appends what happens to the log.
 * `first` starts the run, does its part and waits to be killed; `second` takes it up and does the rest.
 */
import { appendFileSync } from "node:fs";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { stories } from "./durable-stories.ts";

const [name = "", phase = "", database = "", log = ""] = process.argv.slice(2);
const record = (line: string) => appendFileSync(log, `${phase}: ${line}\n`);
const story = stories[name];
if (story === undefined) throw new Error(`There is no story "${name}".`);
const { machine, drive, isReady, isDone } = story(record);
const store = await openSqliteStore({ path: database });
const engine = createDurableEngine({ store, machine });
const [run] = phase === "first" ? [await engine.start({ id: "run" })] : await engine.recover();
if (run === undefined) throw new Error("There is nothing to recover.");
run.done.catch((error: unknown) => record(`failed ${String(error)}`));
await drive?.(run, phase === "first" ? "first" : "second");
const isReached = phase === "first" ? isReady : isDone;
await engine.waitFor("run", (seen) => isReached(seen), { timeoutMs: 15_000 });
record(
  phase === "first"
    ? "ready"
    : `end ${JSON.stringify(run.snapshot().value)} ${JSON.stringify(run.snapshot().context)}`,
);
// The first process is killed here, in the middle of whatever it does.
if (phase === "first") setInterval(() => {}, 1_000);
else process.exit(0);
