import pMap from "p-map";

/** File operations under way at once: enough to keep a disk busy, few enough to leave descriptors to others. */
const CONCURRENCY = 16;

/**
 * Does `work` for all items, at most `limit` at a time, and resolves when all are done. After a failure no new
 * item is begun; it rejects with the first failure once nothing is under way (`p-map` alone would reject while
 * work goes on behind the caller's back).
 */
export async function forEachConcurrent<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
  limit = CONCURRENCY,
): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (item: Item) => {
    if (failures.length > 0) return;
    try {
      await work(item);
    } catch (error) {
      failures.push(error);
    }
  };
  await pMap(items, attempt, { concurrency: limit });
  if (failures.length > 0) throw failures[0];
}
