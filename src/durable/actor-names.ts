import { ActorRef, refOf } from "./actor-ref.ts";

/** The names by which the actors of one run find each other: `systemId` and `system.get`. */
export class ActorNames {
  readonly #actors = new Map<string, object>();

  /** Throws where another actor that lives has the name. */
  set(systemId: string, actor: object): void {
    const known = this.#actors.get(systemId);
    const holder = refOf(known) ?? known;
    const isFree =
      holder === undefined || holder === actor || (holder instanceof ActorRef && holder.isStopped);
    if (!isFree) throw new Error(`Actor with system ID '${systemId}' already exists.`);
    this.#actors.set(systemId, actor);
  }

  /** Those of the actor and of its children. */
  free(ref: ActorRef): void {
    if (!(ref instanceof ActorRef)) return;
    for (const child of Object.values(ref.children())) if (child !== undefined) this.free(child);
    if (ref.systemId !== undefined) this.#actors.delete(ref.systemId);
  }

  get(systemId: string): ActorRef | undefined {
    const actor = this.#actors.get(systemId);
    return refOf(actor) ?? (actor as ActorRef | undefined);
  }

  all(): Record<string, ActorRef> {
    return Object.fromEntries(
      [...this.#actors].map(([id, actor]) => [id, (refOf(actor) ?? actor) as ActorRef]),
    );
  }
}
