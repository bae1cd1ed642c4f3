import { changesBetween, type Finding } from "../../domain/generation.ts";
import type { RunPlaces, SpawnInput, WatchInput } from "../../domain/phase2.ts";
import type { Store } from "../../domain/ports.ts";
import type { LogRow } from "../../domain/run.ts";
import { renderPrompt, renderRepair } from "../../services/prompt.ts";
import type { Files } from "../../services/workspace/files.ts";
import { scan } from "../../services/workspace/scan.ts";

interface AskDeps {
  readonly store: Pick<Store, "runs" | "generations">;
  readonly places: RunPlaces;
  readonly files: Files;
}

/** What the agent of one run is asked, at first and in repair turns. Paths and findings only, never memory text. */
export function askAgent({ store, places, files }: AskDeps) {
  const { workspace } = places;
  return {
    async prompt({ space }: SpawnInput): Promise<string> {
      const base = (await store.generations.current(space))?.manifest ?? [];
      const folder = await files.open(workspace);
      try {
        const { manifest } = await scan(folder);
        const mode = manifest.some(({ path }) => path === "MEMORY.md") ? "update" : "first";
        return renderPrompt({ workspace, mode, changes: changesBetween(base, manifest) });
      } finally {
        await folder.close();
      }
    },
    async repairPrompt({ run }: WatchInput): Promise<string> {
      const findings = (await lastFindings(store, run)).map(({ path, repair, message }) =>
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
  return rows.map(({ data }) => JSON.parse(data) as Finding).filter(({ severity }) => severity === "repair");
}
