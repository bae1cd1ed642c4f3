import { filter, firstValueFrom, NEVER, Subject } from "rxjs";
import { type AnyActorLogic, type EventObject, fromEventObservable, fromPromise } from "xstate";
import type { Store } from "../../src/domain/ports.ts";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { type Phase1Context, phase1Machine } from "../../src/machines/phase1.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { createMemoryWorld, type MemoryWorld } from "../../src/persistence/memory/world.ts";
import type { Path } from "../paths/graph.ts";
import { ANSWERS, INPUT } from "./graph.ts";

/** The process dies at this step: once its commit is there, or before it is. */
export interface Crash {
  readonly at: number;
  readonly when: "after" | "lost";
}

interface Walked {
  readonly value: string;
  readonly status: string | null;
  /** Actors that were begun, in order; a process that takes over begins again who had not answered. */
  readonly begun: readonly string[];
}

/** Walks one path on the durable engine, with actors that answer what the path says; a dead process is replaced. */
export async function walk(path: Path, crash: Crash | null = null): Promise<Walked> {
  const world = createMemoryWorld();
  const begun: string[] = [];
  let process = openProcess(world, begun);
  let run = await process.engine.start({ id: "run", input: INPUT });
  for (let at = 0; at < path.length; at += 1) {
    const event = path[at]?.event as EventObject;
    if (crash?.at !== at) {
      await process.deliver(run, event);
      continue;
    }
    if (crash.when === "after") await process.deliver(run, event);
    else await process.deliverInVain(run, event);
    process.die();
    world.held.clear();
    process = openProcess(world, begun);
    const [adopted] = await process.engine.recover({ run: "run" });
    // A run whose last commit was its end has nobody to go on with it.
    if (adopted === undefined) break;
    run = adopted;
    if (crash.when === "lost") await process.deliver(run, event);
  }
  const record = await openMemoryStore({ world }).runs.read("run");
  const { value, context } = JSON.parse(record?.snapshot ?? "{}") as {
    value: unknown;
    context: Phase1Context;
  };
  await process.engine.close({ runs: "leave", graceMs: 0 });
  return { value: String(value), status: context.status, begun };
}

type Run = Awaited<ReturnType<ReturnType<typeof createDurableEngine<typeof phase1Machine>>["start"]>>;

interface Answering {
  resolve(output: unknown): void;
  reject(error: unknown): void;
}

function openProcess(world: MemoryWorld, begun: string[]) {
  const waiting = new Map<string, Answering>();
  const began$ = new Subject<string>();
  let gate: "open" | "shut" = "open";
  const tried$ = new Subject<void>();
  const store = openMemoryStore({ world });
  const runs: Store["runs"] = {
    ...bound(store.runs),
    commit: (request) => {
      if (gate === "open") return store.runs.commit(request);
      tried$.next();
      return new Promise(() => {});
    },
  };
  const asked = (id: string) =>
    fromPromise(
      () =>
        new Promise((resolve, reject) => {
          begun.push(id);
          waiting.set(id, { resolve, reject });
          began$.next(id);
        }),
    );
  const silent = fromEventObservable(() => NEVER);
  const actors: Record<string, AnyActorLogic> = { keepLease: silent, keepDeadline: silent };
  for (const id of Object.keys(ANSWERS)) actors[id] = asked(id);
  const engine = createDurableEngine({
    store: { runs, liveness: store.liveness },
    machine: phase1Machine,
    actors,
  });

  async function speak(run: Run, event: EventObject): Promise<void> {
    const { actorId, output, error } = event as { actorId?: string; output?: unknown; error?: unknown };
    if (actorId === undefined) {
      await run.send(event as never);
      return;
    }
    if (!waiting.has(actorId)) await firstValueFrom(began$.pipe(filter((id) => id === actorId)));
    const answering = waiting.get(actorId);
    waiting.delete(actorId);
    if (event.type.startsWith("xstate.error")) answering?.reject(error);
    else answering?.resolve(output);
  }

  return {
    engine,
    deliver: async (run: Run, event: EventObject) => {
      const { actorId } = event as { actorId?: string };
      const committed =
        actorId === undefined
          ? null
          : firstValueFrom(engine.committed$.pipe(filter((step) => step.event.type === event.type)));
      await speak(run, event);
      await committed;
    },
    /** The effect has happened, and its commit never comes. */
    deliverInVain: async (run: Run, event: EventObject) => {
      gate = "shut";
      const tried = firstValueFrom(tried$);
      const spoken = speak(run, event).catch(() => {});
      // An event that changes nothing asks for no commit.
      await Promise.race([tried, (event as { actorId?: string }).actorId === undefined ? spoken : tried]);
    },
    die: () => {
      gate = "shut";
    },
  };
}

/** The methods of a port, so that one of them can be replaced. */
function bound<Port extends object>(port: Port): Port {
  return new Proxy(port, { get: (target, name) => Reflect.get(target, name) });
}
