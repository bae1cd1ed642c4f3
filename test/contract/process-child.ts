/**
 * The other end of `openInProcess`: opens a store and does with it what the parent asks for, one message a call.
 * What comes back with methods of its own (a registration, a lock) stays here under a number.
 */
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import type { Answer, Call } from "./process.ts";

const things: object[] = [];

// After everything is loaded: an unprivileged user may not be able to read this checkout.
if (process.env.AS_NOBODY === "1" && process.getuid?.() === 0) {
  process.setgid?.(65534);
  process.setuid?.(65534);
}

process.on("message", async (call: Call) => {
  try {
    answer({ id: call.id, value: handed(await done(call)) });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    answer({ id: call.id, failure: { code: code ?? "unknown", message } });
  }
});

async function done(call: Call): Promise<unknown> {
  if (call.open) return "path" in call.open ? openSqliteStore(call.open) : openPostgresStore(call.open);
  const [port, method] = call.path;
  const thing = things[call.on] as Record<string, unknown>;
  const target = (port === "" ? thing : thing[port]) as Record<string, (...args: unknown[]) => unknown>;
  return target[method]?.(...call.args);
}

function handed(value: unknown): unknown {
  const isThing = typeof value === "object" && value !== null && Object.values(value).some(isFunction);
  return isThing ? { thing: things.push(value) - 1, methods: Object.keys(value) } : value;
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function answer(message: Answer): void {
  process.send?.(message);
}
