import {
  checkConnections,
  readPublishedMemory,
  scheduleNotices,
  shownTexts,
  withKnownFolders,
} from "../internal/delivery.ts";
import { nodeFiles } from "../internal/files.ts";
import type { Check, Patient } from "./doctor-checks.ts";
import { rootOf } from "./store.ts";
import { counted } from "./ui/text.ts";

/** Whether the places where agents read the memory hold it as it is; nothing where no agent is connected. */
export async function checkDelivery({ at, store }: Patient): Promise<readonly Check[]> {
  const { places, world } = at;
  const rows = (await store?.connections.list())?.filter(({ space }) => space === places.space) ?? [];
  if (store === null || rows.length === 0) return [];
  const files = nodeFiles();
  const memory = await readPublishedMemory(files, rootOf(places, places.space));
  const texts = await shownTexts(
    await withKnownFolders(memory, store.projects),
    scheduleNotices(places.home),
  );
  const deps = { connections: store.connections, files, nowMs: world.nowMs };
  const found = await checkConnections(deps, places.space, texts);
  if (found.length === 0) {
    const message = `${counted(rows.length, "place")} where agents read the memory, all as they should be`;
    return [{ name: "connections", verdict: "ok", message, mend: null }];
  }
  return found.map(({ row, problem }) => ({
    name: "connections",
    verdict: "warn",
    message: `${row.agent}: ${problem}`,
    mend: "slowwave connections",
  }));
}
