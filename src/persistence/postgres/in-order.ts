/** Does what is asked under one key in the order in which it was asked, and what concerns different keys side by side. */
export interface InOrder {
  one<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** After everything that was asked under any of these, and before what is asked later. */
  all<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>;
}

/** A pool of connections keeps no order by itself: what is asked first may be done last. */
export function inOrder(): InOrder {
  const last = new Map<string, Promise<unknown>>();

  function all<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => last.get(key) ?? []);
    // At once where nothing is under way, so that all that steps in one turn is written together.
    const mine = before.length === 0 ? work() : Promise.all(before).then(work);
    const settled = mine.then(nothing, nothing).then(() => {
      for (const key of keys) if (last.get(key) === settled) last.delete(key);
    });
    for (const key of keys) last.set(key, settled);
    return mine;
  }

  return { all, one: (key, work) => all([key], work) };
}

function nothing(): void {}
