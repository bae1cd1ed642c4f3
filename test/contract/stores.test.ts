import { actorContract } from "./actors.ts";
import { claimContract } from "./claims.ts";
import { commitContract } from "./commits.ts";
import { generationContract } from "./generations.ts";
import { memoryContract } from "./memories.ts";
import { ownerContract } from "./owners.ts";
import { retentionContract } from "./retention.ts";
import { retireContract } from "./retire.ts";
import { runContract } from "./runs.ts";
import { settlementContract } from "./settlements.ts";
import { storeContract } from "./store.ts";
import { WORLDS } from "./world.ts";

for (const [name, open] of WORLDS) {
  storeContract(name, open);
  claimContract(name, open);
  settlementContract(name, open);
  commitContract(name, open);
  memoryContract(name, open);
  runContract(name, open);
  generationContract(name, open);
  retentionContract(name, open);
  retireContract(name, open);
  ownerContract(name, open);
  actorContract(name, open);
}
