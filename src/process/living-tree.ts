import type { Clock } from "../domain/ports.ts";
import { markOf } from "./environment.ts";
import { freezeTree, thawTree } from "./freeze-tree.ts";
import type { ProcessIdentity, ProcessStat } from "./process-identity.ts";
import { childrenOf, membersOf } from "./process-tree.ts";

export interface LivingTreeOptions {
  readonly leader: ProcessIdentity | null;
  /** Idempotency key of the start, in the mark. */
  readonly key: string;
  /** The leader is a warden that holds the others in a pid namespace. */
  readonly isWarden: boolean;
  readonly clock: Clock;
}

/** The tree of a process that was started here and not waited for yet. Empty where there is no /proc. */
export interface LivingTree {
  /**
   * Everything of it that lives. Who is ending has neither mark nor parent any more, but may hold its files still:
   * whoever was seen in one look is known in the next.
   */
  look(): readonly ProcessStat[];
  /** Whom a warden holds: the last of a pid namespace to go, a moment after the warden. Seen once is enough. */
  lookInside(): void;
  /** All but the spared stand still until `thaw`. Rejects with `agent_unstoppable`. */
  freeze(spared: readonly ProcessStat[]): Promise<void>;
  thaw(): void;
}

export function livingTree({ leader, key, isWarden, clock }: LivingTreeOptions): LivingTree {
  let held: readonly ProcessIdentity[] = [];
  let seen: readonly ProcessStat[] = [];
  let isFrozen = false;

  function lookInside(): void {
    if (isWarden && leader !== null && held.length === 0) held = childrenOf(leader);
  }

  function look(): readonly ProcessStat[] {
    lookInside();
    seen = membersOf({ leader, mark: markOf(key), fresh: true, known: [...held, ...seen] });
    return seen;
  }

  return {
    look,
    lookInside,
    async freeze(spared) {
      isFrozen = true;
      const isSpared = (member: ProcessStat) =>
        spared.some(({ pid, startTime }) => pid === member.pid && startTime === member.startTime);
      // Thawed meanwhile, by who closes it, say: nobody is stopped any more.
      await freezeTree(() => (isFrozen ? look().filter((member) => !isSpared(member)) : []), clock);
    },
    thaw() {
      if (isFrozen) thawTree(look);
      isFrozen = false;
    },
  };
}
