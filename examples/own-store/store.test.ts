/** The contract's first parts, as a new store meets them. `npm run examples` runs it against the built package. */
import { storeContract } from "slowwave/testing";
import { openOwnStore } from "./store.ts";

storeContract("a store of one's own", async () => openOwnStore(), { parts: ["claims", "settlements"] });
