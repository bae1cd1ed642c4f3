/** What the address bar holds after `#`: enough to show somebody else the same thing. Never the token. */
export interface Place {
  readonly run: string | null;
  /** Id of the log row that is looked at; null = now. */
  readonly at: number | null;
  readonly tab: Tab;
}

export const TABS = ["events", "snapshot", "agent", "artifacts", "coverage"] as const;
export type Tab = (typeof TABS)[number];

export function placeOf(hash: string): Place {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const at = Number(words.get("at") ?? Number.NaN);
  return {
    run: words.get("run") || null,
    at: Number.isSafeInteger(at) && at > 0 ? at : null,
    tab: TABS.find((tab) => tab === words.get("tab")) ?? "events",
  };
}

export function hashOf({ run, at, tab }: Place): string {
  const words = new URLSearchParams();
  if (run !== null) words.set("run", run);
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
