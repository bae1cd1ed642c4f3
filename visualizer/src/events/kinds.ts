import type { EventView } from "../../../src/server/api.ts";

/** Who said it: the machine's own steps, or one of those that are watched beside it. */
export type Kind = "machine" | "lease" | "agent" | "gate" | "other";
export const KINDS: readonly Kind[] = ["machine", "lease", "agent", "gate", "other"];

export function kindOf(row: Pick<EventView, "sequence" | "type">): Kind {
  if (row.sequence !== null) return "machine";
  return KINDS.find((kind) => row.type.startsWith(`${kind}.`)) ?? "other";
}

/** The actor that spoke, as the machine names it. */
export function speakerOf(row: Pick<EventView, "sequence" | "type">): string {
  const actor = /^xstate\.(?:done|error)\.actor\.(.+)$/.exec(row.type)?.[1];
  if (actor !== undefined) return actor;
  if (row.type.startsWith("agent.")) return "agent";
  if (row.type.startsWith("lease.")) return "keepLease";
  if (row.type.startsWith("budget.")) return "keepDeadline";
  if (row.type.startsWith("gate.")) return "gate";
  return row.type === "cancel" ? "you" : "engine";
}

/** What happened, without the words that are the same in every line. */
export function titleOf(row: Pick<EventView, "type">): string {
  const ended = /^xstate\.(done|error)\.actor\.(.+)$/.exec(row.type);
  if (ended !== null) return `${ended[2]} ${ended[1] === "done" ? "done" : "failed"}`;
  return row.type === "xstate.init" ? "run created" : row.type;
}

/** One line of what it brought. */
export function gistOf(row: Pick<EventView, "type" | "data" | "value">): string {
  const data = (row.data ?? {}) as Record<string, unknown>;
  const error = data.error as { message?: unknown; code?: unknown } | undefined;
  if (error !== undefined) return [error.code, error.message].filter(Boolean).join(": ");
  if (row.type === "xstate.init") return "";
  if (typeof data.text === "string")
    return typeof data.name === "string" ? `${data.name}: ${data.text}` : data.text;
  if (typeof data.why === "string") return data.why;
  const { type: _type, actorId: _actor, output, ...rest } = data;
  const [only, ...others] = Object.values(rest);
  const answer = output ?? (others.length === 0 && typeof only === "object" && only !== null ? only : rest);
  if (typeof answer !== "object" || answer === null) return String(answer);
  return Object.entries(answer)
    .filter(([, value]) => value !== null && typeof value !== "object")
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(" · ");
}

const texts = new WeakMap<EventView, string>();

/** Every word must be in the type, the speaker or the payload. */
export function filterRows(
  log: readonly EventView[],
  kinds: readonly Kind[],
  wanted: string,
): readonly EventView[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (kinds.length === 0 && words.length === 0) return log;
  return log.filter((row) => {
    if (kinds.length > 0 && !kinds.includes(kindOf(row))) return false;
    if (words.length === 0) return true;
    let text = texts.get(row);
    if (text === undefined) {
      text = `${row.type} ${speakerOf(row)} ${row.value ?? ""} ${JSON.stringify(row.data)}`.toLowerCase();
      texts.set(row, text);
    }
    return words.every((word) => text.includes(word));
  });
}
