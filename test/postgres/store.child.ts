/** A process that opens a store and registers an owner; says so, and stays until it is killed. */
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";

const [url = "", owner = "", ownerTtlMs = "1000"] = process.argv.slice(2);
const store = await openPostgresStore({ url, ownerTtlMs: Number(ownerTtlMs) });
await store.liveness.register(owner);
console.log("registered");
setInterval(() => {}, 60_000);
