import { createHash, timingSafeEqual } from "node:crypto";
import { httpError } from "./http-error.ts";

/** What a request brings that decides whether it is heard. Header values; null when absent. */
export interface RequestCredentials {
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
