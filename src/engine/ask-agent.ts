import type { Room } from "../agents/transcript.ts";
import { changesBetween, type Finding } from "../domain/generation.ts";
import type { RunPlaces, SpawnInput, WatchInput } from "../domain/phase2.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf, type LogRow } from "../domain/run.ts";
import type { Status } from "../domain/status.ts";
import { type Used, usedIn } from "../domain/usage.ts";
import type { Files } from "../files/folder.ts";
import { changedByHand } from "../memory-files/generation-names.ts";
import { hostFiles } from "../memory-files/host-files.ts";
import { scan } from "../memory-files/scan.ts";
import { suspectInputs } from "../validation/injection.ts";
import { renderPrompt, renderRepair } from "./prompt.ts";
import { wholeLog } from "./result.ts";

interface AskDeps {
  readonly store: Pick<Store, "runs" | "generations" | "memories">;
  readonly places: RunPlaces;
  readonly files: Files;
}

/** What the agent of one run is asked, at first and in repair turns. Paths and findings only, never memory text. */
export function askAgent({ store, places, files }: AskDeps) {
  const { workspace } = places;
  return {
    async prompt({ run, space }: SpawnInput): Promise<string> {
      const current = await store.generations.current(space);
      const base = current?.manifest ?? [];
      const folder = await files.open(workspace);
      try {
        const { manifest } = await scan(folder);
        const mode = manifest.some(({ path }) => path === "MEMORY.md") ? "update" : "first";
        const suspects = await suspectInputs(await hostFiles(await store.memories.inputsOf(run)));
        const refusal = await lastRefusal(store, space);
        return renderPrompt({
          workspace,
          mode,
          handEdits: current?.generation.handEdits !== undefined,
          byHand: await changedByHand(store.generations, space),
          changes: changesBetween(base, manifest),
          suspects,
          refusal,
        });
      } finally {
        await folder.close();
      }
    },
    /** What earlier agents of the run used, and how much of its transcript they filled. */
    async earlier(run: string): Promise<{ readonly used: Used | null; readonly room: Room }> {
      const log = await wholeLog(store.runs, run);
      const said = log.filter(({ type, sequence }) => sequence === null && type.startsWith("agent."));
      const length = said.reduce((sum, { data }) => sum + data.length, 0);
      return { used: usedIn(log), room: { notes: said.length, length } };
    },
    async repairPrompt({ run }: WatchInput): Promise<string> {
      const findings = (await lastFindings(store, run))
        .filter(({ severity }) => severity === "repair")
        .map(({ path, repair, message }) =>
          [path, repair ?? message].filter((part) => part !== null).join(": "),
        );
      return renderRepair({ workspace, findings });
    },
  };
}

/** Those of the last look of the gate: everything noted since the agent last said it was done. */
async function lastFindings(store: Pick<Store, "runs">, run: string): Promise<readonly Finding[]> {
  const rows: LogRow[] = [];
  for (let after = 0; ; ) {
    const page = await store.runs.log({ run, after, limit: 1_000 });
    for (const row of page) {
      if (row.type === "agent.completed") rows.length = 0;
      else if (row.type === "gate.finding") rows.push(row);
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  return rows.map(({ data }) => JSON.parse(data) as Finding);
}

/** Why the gate refused the last result of the space; nothing when it let it through. */
async function lastRefusal(store: Pick<Store, "runs">, space: string): Promise<readonly string[]> {
  const judged: readonly Status[] = ["succeeded", "failed_invalid_artifacts"];
  const [last] = await store.runs.list({ space, statuses: judged, limit: 1 });
  if (last === undefined) return [];
  if (contextOf(last).status !== "failed_invalid_artifacts") return [];
  const findings = await lastFindings(store, last.id);
  return findings.filter(({ severity }) => severity !== "warn").map(({ message }) => message);
}
