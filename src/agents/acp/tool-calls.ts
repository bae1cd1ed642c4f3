import type { AgentEvent } from "../../domain/agent.ts";
import type { ToolCall } from "./messages.ts";

/** What is known of the calls of tools, put together from what is told of them bit by bit. */
export interface ToolCalls {
  /** What is to be told of it now, if anything: once when it acts, and once more when it failed. */
  heard(call: ToolCall): AgentEvent | null;
  /** With what was told before: what an agent asks permission for may name only the call. */
  whole(call: ToolCall): KnownCall;
}

export interface KnownCall {
  readonly kind: string;
  readonly title: string;
  /** Every path it names, in any place. */
  readonly paths: readonly string[];
}

interface Remembered extends KnownCall {
  readonly told: boolean;
}

/** More than these at work are no tools, but a flood: the oldest is forgotten. */
const MOST_CALLS = 200;
const MOST_PATHS = 200;
const TEXT_LENGTH = 4_000;

export function toolCalls(): ToolCalls {
  const known = new Map<string, Remembered>();

  function merged(call: ToolCall): Remembered {
    const before = known.get(call.toolCallId);
    return {
      kind: (call.kind ?? before?.kind ?? "other").slice(0, 100),
      title: (call.title ?? before?.title ?? "").slice(0, TEXT_LENGTH),
      paths: [...new Set([...(before?.paths ?? []), ...pathsOf(call)])].slice(0, MOST_PATHS),
      told: before?.told ?? false,
    };
  }

  function remember(call: ToolCall, now: Remembered): void {
    if (!known.has(call.toolCallId) && known.size >= MOST_CALLS) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(call.toolCallId, now);
  }

  return {
    heard(call) {
      const now = merged(call);
      const acts = call.status != null && call.status !== "pending";
      remember(call, { ...now, told: now.told || acts });
      if (call.status === "failed") {
        const again = now.told ? { again: true as const } : {};
        return { type: "agent.tool", name: now.kind, text: `failed: ${textOf(now)}`, ...again };
      }
      return acts && !now.told ? { type: "agent.tool", name: now.kind, text: textOf(now) } : null;
    },
    whole: merged,
  };
}

/** Its title, with the places that the title does not name. */
export function textOf({ title, paths }: KnownCall): string {
  return [title, ...paths.filter((path) => !title.includes(path))].join(" ").trim().slice(0, TEXT_LENGTH);
}

function pathsOf({ locations, content, rawInput }: ToolCall): readonly string[] {
  const named = [
    ...(locations ?? []).map(({ path }) => path),
    ...(content ?? []).flatMap(({ type, path }) => (type === "diff" && path != null ? [path] : [])),
  ];
  const raw = typeof rawInput === "object" && rawInput !== null ? Object.entries(rawInput) : [];
  const meant = raw.flatMap(([key, value]) =>
    /path|file/i.test(key) && typeof value === "string" && value.startsWith("/") ? [value] : [],
  );
  return [...named, ...meant];
}
