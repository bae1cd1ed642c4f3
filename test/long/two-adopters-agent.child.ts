/**
 * An agent of `two-adopters.child.ts`: `AGENT WORKSPACE FOLDER`. Writes itself down beside those who are still alive, then hangs
 * while FOLDER holds `hang`, or consolidates as the built-in agent does.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { consolidate } from "../engine/diligent.ts";

const [workspace = "", folder = ""] = process.argv.slice(2);
const isAlive = (pid: string) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
  } catch {
    return false;
  }
};
const journal = join(folder, "agents");
const others = existsSync(journal) ? readFileSync(journal, "utf8").trim().split("\n") : [];
// The first two are alive together by intent: they belong to processes of which one was paused beyond its lease.
if (!existsSync(join(folder, "hang")))
  for (const pid of others.filter(isAlive))
    appendFileSync(
      join(folder, "overlaps"),
      `agent ${others.length} beside ${others.indexOf(pid)} ${readFileSync(`/proc/${pid}/stat`, "utf8").slice(0, 30)}\n`,
    );
appendFileSync(journal, `${process.pid}\n`);
process.stdout.write(`${JSON.stringify({ type: "running" })}\n`);
if (existsSync(join(folder, "hang"))) setInterval(() => {}, 60_000);
else {
  await consolidate(workspace);
  process.stdout.write(`${JSON.stringify({ type: "completed", message: "done" })}\n`);
}
