import { describe } from "vitest";
import { storeContract } from "../../src/testing/store/contract.ts";
import { postgresWorld } from "../contract/postgres-world.ts";
import { hasPgbouncer } from "../postgres/pgbouncer.ts";
import { majorsHere } from "../postgres/servers.ts";

describe.each(majorsHere())("PostgreSQL %i", (major) => {
  storeContract(`postgres ${major}`, postgresWorld({ major, doors: 1 }));
});

describe.runIf(majorsHere().includes(18))("two stores on one database", () => {
  storeContract("two postgres stores, 18", postgresWorld({ major: 18, doors: 2 }));
});

describe.runIf(hasPgbouncer())("a pooler in transaction mode", () => {
  storeContract(
    "two postgres stores through pgbouncer",
    postgresWorld({ major: 15, doors: 2, throughPgbouncer: true }),
  );
});
