import { createHash } from "node:crypto";
import type { AnyStateMachine } from "xstate";

/**
 * What a stored snapshot depends on: states, transitions, names of actors, actions, guards and delays.
 * Descriptions and the bodies of functions are left out, so that rewording parks nobody's run.
 */
export function structureHash(machine: AnyStateMachine): string {
  const text = JSON.stringify(machine.config, (key, value: unknown) => {
    if (key === "description" || key === "meta" || key === "tags") return undefined;
    if (typeof value !== "function") return value;
    return typeName(value);
  });
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Built-in action creators carry their type; everything else is only "there is a function". */
function typeName(fn: unknown): string {
  const type = (fn as { type?: unknown }).type;
  return typeof type === "string" ? type : "(function)";
}
