import type { LocalStore, Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";

export interface FleetStoreOptions {
  readonly ownerTtlMs?: number;
  readonly patienceMs?: number;
  readonly connections?: number;
}

/** A fleet's store by its address: a database of PostgreSQL, or a file that all machines of this computer share. */
export function openFleetStore(
  address: string,
  options: FleetStoreOptions = {},
): Promise<Store | LocalStore> {
  return address.startsWith("postgres:")
    ? openPostgresStore({ url: address, ...options })
    : openSqliteStore({ path: address });
}
