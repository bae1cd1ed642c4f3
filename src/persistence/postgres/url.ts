import { SlowwaveError } from "../../domain/failure.ts";

/**
 * Server, role and database of an address, without its password and parameters, which may hold another. Refuses
 * (`store_url_invalid`) an address that is none of PostgreSQL's; the message does not repeat it.
 */
export function placeOf(url: string): string {
  if (/^postgres(ql)?:\/\/[^/?#]*,/.test(url)) {
    throw new SlowwaveError(
      "store_url_invalid",
      "The store's address names several hosts, which the package pg can't try in turn; name one that leads to the primary (DNS, a proxy, pgbouncer).",
    );
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new SlowwaveError(
      "store_url_invalid",
      "The store's address is not one of PostgreSQL; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE.",
    );
  }
  const { protocol, username, host, pathname, searchParams } = parsed;
  const user = username === "" ? "" : `${username}@`;
  const socket = searchParams.get("host");
  return `${protocol}//${user}${host === "" ? (socket ?? "") : host}${pathname}`;
}
