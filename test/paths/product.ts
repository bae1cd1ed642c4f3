import type { EventObject } from "xstate";
import { applyEnqueue } from "../../src/domain/job.ts";
import { dotted, transitionsOf } from "../../src/durable/transition.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { INPUT, keyOf } from "./graph.ts";
import { deed, takenOver } from "./product-deeds.ts";
import { NAMES, NOW_MS, type Product, type Rules, type Side, SPACE, withSide } from "./product-state.ts";

export interface Step {
  readonly name: string;
  readonly to: Product;
}

const STREAMS = new Set(["keepLease", "keepDeadline", "watchAgent"]);

const { initialTransition, transition } = transitionsOf(phase2Machine);

export function start(): Product {
  const side = (name: string): Side => ({
    snapshot: initialTransition({ ...INPUT, run: name, token: name, maxRepairs: 0, maxRestarts: 1 }).snapshot,
    lease: null,
    isUp: true,
    agent: "none",
  });
  return {
    sides: [side("A"), side("B")],
    row: applyEnqueue(null, SPACE, 20),
    settlements: new Map(),
    published: [],
    deaths: 0,
    crime: null,
  };
}

/** What tells two products apart. Fences grow without end; only who holds the row's is of interest. */
export function productKey({ sides, row, settlements, published, deaths, crime }: Product): string {
  const told = sides.map(({ snapshot, lease, isUp, agent }) => [
    keyOf(snapshot),
    lease === null ? "no lease" : lease.fence === row.fence ? "current" : "old",
    isUp,
    agent,
  ]);
  const { fence: _, ...columns } = row;
  return JSON.stringify([told, columns, [...settlements], published, deaths, crime]);
}

/** Everything that can happen next: a deed of either side, a death, a takeover, or time passing. */
export async function next(product: Product, rules: Rules): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (const at of [0, 1] as const) {
    const side = product.sides[at];
    const name = NAMES[at];
    if (side.snapshot.status !== "active") continue;
    if (!side.isUp) {
      // The dead of a space are taken over oldest first.
      if (at === 1 && !product.sides[0].isUp && product.sides[0].snapshot.status === "active") continue;
      steps.push({ name: `${name} is taken over`, to: await takenOver(product, at, rules) });
      continue;
    }
    for (const child of Object.keys(side.snapshot.children)) {
      const done = await deed(product, at, child, rules);
      for (const { event, to } of done) {
        steps.push({ name: `${name} ${child}${tell(event)}`, to: heard(to, at, event) });
        // Its effect is done, and the process dies before it can say so.
        if (product.deaths < rules.maxDeaths && !STREAMS.has(child)) {
          steps.push({ name: `${name} ${child}${tell(event)}, unheard, and dies`, to: died(to, at) });
        }
      }
    }
    steps.push({ name: `${name} is cancelled`, to: heard(product, at, { type: "cancel" }) });
    if (product.deaths < rules.maxDeaths) steps.push({ name: `${name} dies`, to: died(product, at) });
  }
  const { row } = product;
  if (row.status === "running" && (row.lease_until ?? 0) * 1_000 > NOW_MS && mayExpire(product, rules)) {
    steps.push({
      name: "the lease runs out",
      to: { ...product, row: { ...row, lease_until: 0 }, crime: null },
    });
  }
  if (row.status === "error" && row.retry_at !== null) {
    steps.push({
      name: "the retry is due",
      to: { ...product, row: { ...row, retry_at: null }, crime: null },
    });
  }
  return steps;
}

/**
 * While its keeper lives a lease is prolonged, and an agent is ended well before the lease is: a minute against an
 * hour. A claim takes no hour either, and before it a process looks for runs of the dead.
 */
function mayExpire({ sides, row }: Product, { maySleep }: Rules): boolean {
  if (maySleep) return true;
  const holder = sides.find(({ snapshot }) => snapshot.context.token === row.ownership_token);
  const isKept = holder?.isUp && ("keepLease" in holder.snapshot.children || holder.agent !== "none");
  const isClaiming = sides.some(({ snapshot, isUp }) => isUp && dotted(snapshot.value) === "claiming");
  const isOrphaned = sides.some(({ isUp, snapshot }) => !isUp && snapshot.status === "active");
  return !isKept && !(isClaiming && isOrphaned);
}

function died(product: Product, at: 0 | 1): Product {
  const side = product.sides[at];
  const before = {
    ...side,
    isUp: false,
    lease: null,
    agent: side.agent === "none" ? "none" : "orphaned",
  } as const;
  return { ...withSide(product, at, before), deaths: product.deaths + 1 };
}

function heard(product: Product, at: 0 | 1, event: EventObject): Product {
  const side = product.sides[at];
  const snapshot = transition(side.snapshot, event)?.snapshot ?? side.snapshot;
  return withSide(product, at, { ...side, snapshot });
}

function tell(event: EventObject): string {
  if (!event.type.startsWith("xstate.done.")) return ` says ${event.type}`;
  const { output } = event as EventObject & { output?: unknown };
  const { kind, why, owner } = (output ?? {}) as { kind?: string; why?: string; owner?: boolean };
  const answer = why ?? kind ?? (owner === undefined ? output : owner ? "owner" : "not the owner");
  return typeof answer === "string" ? `: ${answer}` : "";
}
