import { createHash, timingSafeEqual } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { checkSpaceKey } from "../domain/settings.ts";
import type { ErrorAnswer } from "./api.ts";

/** HTTP status of each code this server gives by itself; what else the engine or the store refuses is listed below. */
const STATUS: Readonly<Record<string, number>> = {
  host_refused: 403,
  origin_refused: 403,
  token_missing: 401,
  token_wrong: 401,
  not_found: 404,
  unknown_run: 404,
  unknown_generation: 404,
  unknown_draft: 404,
  unknown_file: 404,
  coverage_missing: 404,
  page_missing: 404,
  invalid_request: 400,
  body_too_large: 413,
  body_not_json: 415,
  looks_only: 409,
  other_machine: 409,
  skipped_running: 409,
  no_place: 409,
  fleet_paused: 409,
  draft_outdated: 409,
  ambiguous_draft: 409,
  ambiguous_generation: 409,
  nothing_to_restore: 409,
  generation_withdrawn: 409,
  blob_damaged: 409,
  content_changed: 409,
  invalid_settings: 400,
  space_invalid: 400,
  engine_closed: 503,
  store_busy: 503,
  store_closed: 503,
  store_full: 507,
};

/** Anything thrown while answering, as the API tells it. Strangers keep their message to themselves. */
export function errorAnswer(error: unknown): { readonly status: number; readonly body: ErrorAnswer } {
  if (error instanceof SlowwaveError) {
    const { code, message } = error;
    const status = STATUS[code] ?? (code.startsWith("root_") || code.startsWith("home_") ? 409 : 500);
    return { status, body: { error: { code, message } } };
  }
  const message = "Something went wrong that should not have; the server's own output says more.";
  return { status: 500, body: { error: { code: codeOf(error) ?? "unexpected", message } } };
}

export function httpError(code: string, message: string): SlowwaveError {
  return new SlowwaveError(code, message);
}

/** The error as the answer of any door of this server: JSON, sealed as every answer is. */
export function errorResponse(error: unknown): Response {
  const { status, body } = errorAnswer(error);
  return Response.json(body, {
    status,
    headers: {
      ...SAFE_HEADERS,
      "cache-control": "no-store",
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
  });
}

/** Answers a request for an upgrade with an error and lets go of its connection, also of a client that never closes. */
export function declineUpgrade(socket: Duplex, error: unknown): void {
  const { status, body } = errorAnswer(error);
  const text = JSON.stringify(body);
  socket.on("error", () => socket.destroy());
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      "content-type: application/json",
      "connection: close",
      `content-length: ${Buffer.byteLength(text)}`,
      "",
      text,
    ].join("\r\n"),
    () => socket.destroy(),
  );
}

/** On every answer. Nothing may frame it, guess its type, or learn the address it was asked under. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
};

/** The page loads its own files and talks to its own server, and nothing else. No inline script or style. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** What a request brings that decides whether it is heard. Header values; null when absent. */
interface RequestCredentials {
  readonly host: string | null;
  readonly origin: string | null;
  readonly authorization: string | null;
  /** From the query; only where a browser cannot send a header. */
  readonly queryToken: string | null;
  readonly isWrite: boolean;
}

export interface GuardOptions {
  /** Null: whoever mounts the handler decides who may ask. */
  readonly token: string | null;
  /** Host names beside the loopback ones, without port. */
  readonly hosts: readonly string[];
  /** Other origins that may open the inspector's stream. */
  readonly origins?: readonly string[];
}

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Throws unless the request may be heard, in this order:
 * - `Host` is a loopback name: a page of another site that resolves its own name to 127.0.0.1 (DNS rebinding) sends its own;
 * - `Origin`, where there is one, is this very server, and writes have one: no other site can post;
 * - the token is right. Compared in constant time.
 */
export function guard(credentials: RequestCredentials, options: GuardOptions): void {
  checkHost(credentials.host, options);
  checkOrigin(credentials, options);
  checkToken(credentials, options);
}

export function checkHost(host: string | null, { hosts }: Pick<GuardOptions, "hosts">): void {
  const name = /^(?<name>[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?$/i
    .exec(host ?? "")
    ?.groups?.name?.toLowerCase();
  if (name !== undefined && (LOOPBACK.includes(name) || hosts.includes(name))) return;
  throw httpError(
    "host_refused",
    "This server answers only under a loopback name, such as 127.0.0.1 or localhost.",
  );
}

function checkOrigin({ origin, host, isWrite }: RequestCredentials, { origins = [] }: GuardOptions): void {
  if (origin === null && !isWrite) return;
  if (origin === `http://${host}` || origin === `https://${host}`) return;
  if (origin !== null && !isWrite && origins.includes(origin)) return;
  const what = origin === null ? "A write needs an Origin header" : "This origin may not ask here";
  throw httpError("origin_refused", `${what}; use the page this server serves.`);
}

function checkToken({ authorization, queryToken }: RequestCredentials, { token }: GuardOptions): void {
  if (token === null) return;
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? queryToken;
  if (given === null) {
    throw httpError(
      "token_missing",
      "Send the token that `slowwave serve` printed as `Authorization: Bearer TOKEN`.",
    );
  }
  if (!isSame(given, token)) {
    throw httpError(
      "token_wrong",
      "The token is not this server's; open the address `slowwave serve` printed.",
    );
  }
}

/** Digests have one length, so nothing is told by the time it takes. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Ids are ours; spaces are any line of text. */
const id = z.string().min(1).max(200);
/** Refused by the rule that every other door has, with `space_invalid`. */
const space = z.string().transform((key) => {
  checkSpaceKey(key);
  return key;
});
const count = (most: number) => z.coerce.number().int().min(1).max(most);
const row = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const machine = z.enum(["phase1", "phase2"]).default("phase2");
export const machineFields = z.object({ machine });
export const runsFields = z.object({
  space: space.optional(),
  machine,
  outcome: z.enum(["active", "succeeded", "failed", "skipped", "cancelled"]).optional(),
  before: id.optional(),
  limit: count(500).default(50),
});
export const eventsFields = z.object({ before: row.optional(), limit: count(1_000).default(1_000) });
export const liveFields = z.object({ after: row.optional(), run: id.optional() });
export const generationsFields = z.object({ space: space.default("global"), limit: count(200).default(50) });
const sessionCursor = z
  .string()
  .max(500)
  .regex(/^\d{1,16}:./)
  .transform((text) => {
    const end = text.indexOf(":");
    return { changedAt: Number(text.slice(0, end)), key: text.slice(end + 1) };
  });
export const sessionsFields = z.object({
  space: space.default("global"),
  before: sessionCursor.optional(),
  limit: count(500).default(50),
});
export const fleetFields = z.object({ tenants: count(1_000).default(200) });
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

/** What a handler is given: everything in it has passed the route's schemas. */
export interface RouteRequest<Query, Body> {
  /** Path parameters by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly context: Context<ServerEnv>;
}

/**
 * One route of the API as data. The same schemas check its requests and describe it in `GET /api/openapi.json`, so the
 * description can't be older than the route.
 */
export interface Route<Query extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  readonly method: "get" | "post";
  /** Below `/api`, as Hono reads it: `/runs/:id`, `/spaces/:space/memory/:file{.+}`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Body;
  /** What is answered; a stream names its media type. */
  readonly answer: z.ZodType | { readonly mediaType: string };
  readonly status?: 200 | 201;
  /** An object becomes JSON; a `Response` is sent as it is. */
  readonly handle: (request: RouteRequest<z.output<Query>, z.output<Body>>) => Promise<object>;
}

/** Ties the handler's types to the route's schemas; a list of routes has forgotten them. */
export function route<Query extends z.ZodType, Body extends z.ZodType>(one: Route<Query, Body>): Route {
  return one as unknown as Route;
}

/** Adds every route to the app. Requests that a schema refuses end in `invalid_request`, which names the field. */
export function addRoutes(app: Hono<ServerEnv>, routes: readonly Route[]): void {
  for (const { method, path, query, body, status = 200, handle } of routes) {
    app[method](path, async (context) => {
      const sent = method === "post" ? await bodyOf(context.req.raw) : null;
      const answer = await handle({
        params: context.req.param() as Record<string, string>,
        query: query === undefined ? {} : fieldsOf(query, context.req.query()),
        body: body === undefined ? null : fieldsOf(body, sent ?? {}),
        context,
      });
      return answer instanceof Response ? answer : context.json(answer, status);
    });
  }
}
