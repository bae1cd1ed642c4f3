/**
 * Does `work` for all items, at most `limit` at a time, and resolves when all are done. After a failure no new
 * item is begun; it rejects with the first failure once nothing is under way, so that nobody works on behind
 * the caller's back.
 */
export async function abreast<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
  limit = ABREAST,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const lane = async () => {
    for (let next = queue.next(); !next.done && failures.length === 0; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  if (failures.length > 0) throw failures[0];
}

/** File operations under way at once: enough to keep a disk busy, few enough to leave descriptors to others. */
const ABREAST = 16;
