/** What the address bar holds after `#`: enough to show somebody else the same thing. Never the token. */
export interface Place {
  readonly list: List;
  /** Whose sessions are listed. */
  readonly space: string;
  readonly run: string | null;
  /** Key of the session that was picked; null where a run is chosen, which knows its own. */
  readonly session: string | null;
  /** Id of the log row that is looked at; null = now. */
  readonly at: number | null;
  readonly tab: Tab;
}

export const TABS = ["events", "snapshot", "agent", "artifacts", "coverage"] as const;
export type Tab = (typeof TABS)[number];

/** What the list at the side shows. */
export const LISTS = ["runs", "sessions", "fleet"] as const;
export type List = (typeof LISTS)[number];

/** The space where none is named. */
export const USUAL_SPACE = "global";

export function placeOf(hash: string): Place {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const at = Number(words.get("at") ?? Number.NaN);
  return {
    list: LISTS.find((list) => list === words.get("list")) ?? "runs",
    space: words.get("space") || USUAL_SPACE,
    run: words.get("run") || null,
    session: words.get("run") ? null : words.get("session") || null,
    at: Number.isSafeInteger(at) && at > 0 ? at : null,
    tab: TABS.find((tab) => tab === words.get("tab")) ?? "events",
  };
}

export function hashOf({ list, space, run, session, at, tab }: Place): string {
  const words = new URLSearchParams();
  if (list !== "runs") words.set("list", list);
  if (space !== USUAL_SPACE) words.set("space", space);
  if (run !== null) words.set("run", run);
  else if (session !== null) words.set("session", session);
  if (at !== null) words.set("at", String(at));
  if (tab !== "events") words.set("tab", tab);
  const text = words.toString();
  return text === "" ? "" : `#${text}`;
}

/** The token, if the address brings one, and the address without it. */
export function withoutToken(hash: string): { readonly token: string | null; readonly hash: string } {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const token = words.get("token");
  words.delete("token");
  const rest = words.toString();
  return { token: token || null, hash: rest === "" ? "" : `#${rest}` };
}
