export type { PostgresPool } from "./database.ts";
export { openPostgresStore, type PostgresStoreOptions } from "./open.ts";
