import type { RunStore } from "../../domain/run.ts";
import type { Traces } from "./traces.ts";

const PAGE = 500;

/** Takes a thread out of what agents said, findings and causes, in every run's log and in snapshots of runs that are over. */
export async function purgeLog(runs: RunStore, traces: Traces): Promise<number> {
  let count = 0;
  for (let after = 0; ; ) {
    const page = await runs.log({ after, limit: PAGE });
    const rows = page.flatMap(({ id, type, data }) => {
      // What an agent says of its work, and findings that quote it, may be worded anew.
      const least = type.startsWith("agent.") || type === "gate.finding" ? "possible" : "certain";
      const clean = scrubJson(data, traces, least);
      return clean === data ? [] : [{ id, data: clean }];
    });
    if (rows.length > 0) await runs.redact({ rows, snapshot: null });
    count += rows.length;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = last.id;
  }
  for (let before: string | undefined; ; ) {
    const page = await runs.list({ limit: PAGE, ...(before === undefined ? {} : { before }) });
    for (const { id, snapshot } of page) {
      const clean = scrubJson(snapshot, traces, "certain");
      if (clean === snapshot) continue;
      await runs.redact({ rows: [], snapshot: { run: id, snapshot: clean } });
      count += 1;
    }
    before = page.at(-1)?.id;
    if (before === undefined || page.length < PAGE) return count;
  }
}

/** Texts inside a JSON text; numbers, names and the rest stay as they are, byte for byte. */
function scrubJson(json: string, traces: Traces, least: "possible" | "certain"): string {
  let isChanged = false;
  const value: unknown = JSON.parse(json, (_key, part: unknown) => {
    if (typeof part !== "string" || !traces.hits(part, least)) return part;
    isChanged = true;
    return traces.without(part, least);
  });
  return isChanged ? JSON.stringify(value) : json;
}
