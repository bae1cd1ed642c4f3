import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { likeness, sameFrom } from "./alike.ts";
import { type Group, type Item, kinds } from "./handbook.ts";
import { meaningOf } from "./meaning.ts";
import type { Kind } from "./sections.ts";
import type { Part } from "./session.ts";
import type { Thread } from "./thread.ts";

/** Words of the base that no session explains: the user's, to be kept. */
export interface Carried {
  readonly kind: Kind;
  readonly text: string;
  /** Ids of the sessions it referred to, all of them still there. */
  readonly threadIds: ReadonlySet<string>;
}

/**
 * Whether we wrote the group, so that what has no reference was added by hand. In a block that another agent wrote it
 * may come from any of its sessions.
 */
export function isOurs(group: Group): boolean {
  return /^scope: (?:what (?:one session|\d+ sessions) in|notes written by hand)/m.test(group.text);
}

/** Whether the group of the base was made from exactly these sessions, so that its bytes stand. */
export function isUnchanged(group: Group, threads: readonly Thread[]): boolean {
  const cited = new Set(
    group.tasks.flatMap((task) =>
      task.citations.map(({ threadId, updatedAt, file }) => `${threadId}\n${updatedAt}\n${file}`),
    ),
  );
  return (
    cited.size === threads.length &&
    threads.every((thread) => cited.has(`${thread.id}\n${thread.updatedAt}\n${thread.file}`))
  );
}

/**
 * What the user added to or changed in a group of the base. An item that refers to a session that is gone, or has
 * changed since, may have come from its old text and goes with it; one that says what a session of today says, or said
 * and was outdone, is no edit.
 */
export function carriedFrom(
  group: Group,
  threads: readonly Thread[],
  parts: readonly Part[],
): readonly Carried[] {
  const current = new Map(threads.map((thread) => [thread.id, thread]));
  const cited = new Map(group.tasks.map((task) => [task.number, task.citations]));
  const said = parts.flatMap((part) => part.statements.map((statement) => statement.text));
  const known = new Set(said);
  const meanings = said.map(meaningOf);
  const explains = (text: string) => {
    const meaning = meaningOf(text);
    return known.has(text) || meanings.some((other) => likeness(meaning, other) >= sameFrom);
  };
  const isUsers = ({ text, tasks }: Item) => {
    const sources = tasks.length > 0 || isOurs(group) ? tasks : [...cited.keys()];
    const citations = sources.flatMap((number) => cited.get(number) ?? []);
    const stands = citations.every(
      ({ threadId, updatedAt }) => current.get(threadId)?.updatedAt === updatedAt,
    );
    return text !== "" && stands && !explains(text);
  };
  return kinds.flatMap((kind) =>
    group.items[kind].filter(isUsers).map(({ text, tasks }) => ({
      kind,
      text: withoutShapedSecrets(text),
      threadIds: new Set(
        tasks.flatMap((number) => (cited.get(number) ?? []).map(({ threadId }) => threadId)),
      ),
    })),
  );
}
