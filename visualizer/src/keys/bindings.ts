/** One thing the keyboard can do. The table is what the help shows and what the page obeys. */
export interface Binding {
  readonly keys: readonly string[];
  readonly does: string;
  readonly act: Act;
}

export type Act =
  | { readonly kind: "step"; readonly by: number; readonly among: "rows" | "steps" }
  | {
      readonly kind:
        | "first"
        | "now"
        | "help"
        | "filter-runs"
        | "filter-events"
        | "scale"
        | "theme"
        | "retry"
        | "cancel";
    }
  | { readonly kind: "run"; readonly by: number }
  | { readonly kind: "tab"; readonly index: number };

export const BINDINGS: readonly Binding[] = [
  { keys: ["ArrowLeft", "h"], does: "one event back", act: { kind: "step", by: -1, among: "rows" } },
  { keys: ["ArrowRight", "l"], does: "one event on", act: { kind: "step", by: 1, among: "rows" } },
  {
    keys: ["Shift+ArrowLeft", "H"],
    does: "one step of the machine back",
    act: { kind: "step", by: -1, among: "steps" },
  },
  {
    keys: ["Shift+ArrowRight", "L"],
    does: "one step of the machine on",
    act: { kind: "step", by: 1, among: "steps" },
  },
  { keys: ["Home"], does: "to the beginning", act: { kind: "first" } },
  { keys: ["End"], does: "to now", act: { kind: "now" } },
  { keys: ["j"], does: "next run or session", act: { kind: "run", by: 1 } },
  { keys: ["k"], does: "previous run or session", act: { kind: "run", by: -1 } },
  { keys: ["/"], does: "filter the runs or sessions", act: { kind: "filter-runs" } },
  { keys: ["f"], does: "filter the events", act: { kind: "filter-events" } },
  { keys: ["1"], does: "events", act: { kind: "tab", index: 0 } },
  { keys: ["2"], does: "snapshot", act: { kind: "tab", index: 1 } },
  { keys: ["3"], does: "agent", act: { kind: "tab", index: 2 } },
  { keys: ["4"], does: "artifacts", act: { kind: "tab", index: 3 } },
  { keys: ["5"], does: "coverage", act: { kind: "tab", index: 4 } },
  { keys: ["t"], does: "true scale of the timeline", act: { kind: "scale" } },
  { keys: ["d"], does: "dark, light, or as the system", act: { kind: "theme" } },
  { keys: ["r"], does: "retry", act: { kind: "retry" } },
  { keys: ["c"], does: "cancel the run", act: { kind: "cancel" } },
  { keys: ["?"], does: "these keys", act: { kind: "help" } },
];

export interface Press {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** What a key means; null where it is the browser's, or someone is typing. */
export function actOf(press: Press, isTyping: boolean): Act | null {
  if (isTyping || press.ctrlKey || press.metaKey || press.altKey) return null;
  const name = press.shiftKey && press.key.length > 1 ? `Shift+${press.key}` : press.key;
  return BINDINGS.find(({ keys }) => keys.includes(name))?.act ?? null;
}
