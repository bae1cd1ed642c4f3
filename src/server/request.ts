import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { z } from "zod";
import { SlowwaveError } from "../domain/failure.ts";
import { checkSpaceKey } from "../domain/memory.ts";
import type { RequestCredentials } from "./guard.ts";
import { httpError } from "./http-error.ts";

/** Ids are ours; spaces are any line of text. */
const id = z.string().min(1).max(200);
/** Refused by the rule that every other door has, with `space_invalid`. */
const space = z.string().transform((key) => {
  checkSpaceKey(key);
  return key;
});
const count = (most: number) => z.coerce.number().int().min(1).max(most);
const row = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const runsFields = z.object({
  space: space.optional(),
  outcome: z.enum(["active", "succeeded", "failed", "skipped", "cancelled"]).optional(),
  before: id.optional(),
  limit: count(500).default(50),
});
export const eventsFields = z.object({ before: row.optional(), limit: count(1_000).default(1_000) });
export const liveFields = z.object({ after: row.optional(), run: id.optional() });
export const generationsFields = z.object({ space: space.default("global"), limit: count(200).default(50) });
export const diffFields = z.object({ from: z.string().max(200).optional(), to: id });
export const startFields = z.strictObject({ space: space.optional(), now: z.boolean().optional() });
export const sequence = row;
export const rollbackFields = z.strictObject({ generation: id.optional() });
export const applyFields = z.strictObject({ hash: id });
export const spaceParameter = space;

/**
 * The address in a request line as a URL; null where it is none: `//evil`, `/\\`, `http://%/`, `*`. Only the path and
 * the query count: a host in the request line is not looked at, `Host` is. Never throws, whatever a client wrote.
 */
export function requestTarget(line: string | undefined): URL | null {
  if (line === undefined || !/^\/(?![/\\])/.test(line)) return null;
  const address = `http://loopback.invalid${line}`;
  return URL.canParse(address) ? new URL(address) : null;
}

/** `outgoing` is there on a node:http server; without it a stalled client is not cut off, only left waiting. */
export type ServerEnv = { Bindings: Partial<HttpBindings> };

/** What decides whether a request is heard. A token in the query counts at the address of the live stream alone. */
export function requestCredentials(c: Context<ServerEnv>, live: string | null): RequestCredentials {
  const url = new URL(c.req.url);
  return {
    host: c.req.header("host") ?? url.host,
    origin: c.req.header("origin") ?? null,
    authorization: c.req.header("authorization") ?? null,
    queryToken: url.pathname === live ? url.searchParams.get("token") : null,
    isWrite: !["GET", "HEAD", "OPTIONS"].includes(c.req.method),
  };
}

/** Throws `invalid_request` with the name of the field. Fields that are undefined are left out. */
export function fieldsOf<T>(schema: z.ZodType<T>, given: unknown): T {
  const found = schema.safeParse(given);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw httpError(
    "invalid_request",
    `The field ${issue?.path.join(".") || "of the request"} is not valid: ${issue?.message}.`,
  );
}

const LONGEST_BODY = 16 * 1024;

/** The body as JSON; null when there is none. Read no further than 16 KiB. */
export async function bodyOf(request: Request): Promise<unknown> {
  if (request.body === null || request.headers.get("content-length") === "0") return null;
  const tooLarge = () => httpError("body_too_large", "The body is larger than 16 KiB.");
  if (Number(request.headers.get("content-length") ?? 0) > LONGEST_BODY) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw tooLarge();
    chunks.push(chunk);
  }
  if (length === 0) return null;
  // A form of another site can post text, but not with this type.
  if (!/^application\/json\b/i.test(request.headers.get("content-type") ?? "")) {
    throw httpError("body_not_json", "Send the body as `Content-Type: application/json`.");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))) as unknown;
  } catch (error) {
    throw new SlowwaveError("invalid_request", "The body is not valid JSON.", { cause: error });
  }
}
