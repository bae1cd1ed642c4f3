import { keyOf } from "./graph.ts";
import { next, productKey, start } from "./product.ts";
import type { Product, Rules } from "./product-state.ts";

/** What must never be, by name. */
export type Laws = Readonly<Record<string, (product: Product) => boolean>>;

export interface Explored {
  readonly states: number;
  readonly steps: number;
  /** By law: the shortest story that breaks it. */
  readonly broken: Readonly<Record<string, string>>;
  /** States from which no ending of both runs can be reached. */
  readonly stuck: readonly string[];
}

/** Looks at every state that two processes and their one job can be in, nearest first. */
export async function explore(rules: Rules, laws: Laws): Promise<Explored> {
  const first = start();
  const cameFrom = new Map<string, { readonly from: string; readonly name: string } | null>([
    [productKey(first), null],
  ]);
  const queue: Product[] = [first];
  const into = new Map<string, string[]>();
  const ends: string[] = [];
  const broken: Record<string, string> = {};
  let steps = 0;
  for (const product of queue) {
    const key = productKey(product);
    for (const [law, isBroken] of Object.entries(laws)) {
      if (!(law in broken) && isBroken(product)) broken[law] = story(cameFrom, key);
    }
    if (product.sides.every(({ snapshot }) => snapshot.status === "done")) ends.push(key);
    for (const { name, to } of await next(product, rules)) {
      steps += 1;
      const toKey = productKey(to);
      into.set(toKey, [...(into.get(toKey) ?? []), key]);
      if (cameFrom.has(toKey)) continue;
      cameFrom.set(toKey, { from: key, name });
      queue.push(to);
    }
  }
  const hopeful = new Set(ends);
  for (const key of hopeful) for (const from of into.get(key) ?? []) hopeful.add(from);
  const stuck = queue.filter((product) => !hopeful.has(productKey(product))).map(tellProduct);
  return { states: queue.length, steps, broken, stuck };
}

function story(cameFrom: ReadonlyMap<string, { from: string; name: string } | null>, key: string): string {
  const names: string[] = [];
  for (let at = cameFrom.get(key); at; at = cameFrom.get(at.from)) names.unshift(at.name);
  return names.join(" → ");
}

function tellProduct({ sides, row }: Product): string {
  return `${sides.map(({ snapshot }) => keyOf(snapshot)).join(" | ")} | ${row.status} ${row.ownership_token}`;
}
