import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
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
