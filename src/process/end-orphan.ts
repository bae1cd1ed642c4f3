import type { Clock } from "../domain/clock.ts";
import { markOf } from "./environment.ts";
import type { ProcessStat } from "./process-identity.ts";
import { type ProcessRecord, readProcessRecord, writeProcessRecord } from "./process-record.ts";
import { endTree, membersOf, type TreeSigns } from "./tree.ts";

/**
 * Ends what a killed engine left running, by the record in its scratch folder. No grace: its owner is dead and
 * its work is thrown away. Returns whether a record was there; leaves it, so that it may be asked again, but
 * revoked, so that a start still under way in a process that merely stood still ends itself.
 */
export async function endOrphanProcess(scratch: string, clock: Clock): Promise<boolean> {
  const record = await readProcessRecord(scratch);
  if (record === null || record === "unreadable") return record !== null;
  if (record.reach === "in-process") return true;
  // Before the look: whatever starts after it sees this.
  if (!record.revoked) await writeProcessRecord(scratch, { ...record, revoked: true });
  await endTree(() => membersOf(signsOf(record)), { clock, graceMs: 0 });
  return true;
}

/** What lives of an agent by the record in its scratch folder, whoever started it. */
export async function findOrphans(scratch: string): Promise<readonly ProcessStat[]> {
  const record = await readProcessRecord(scratch);
  if (record === null || record === "unreadable" || record.reach === "in-process") return [];
  return membersOf(signsOf(record));
}

function signsOf({ process, key }: ProcessRecord): TreeSigns {
  return { leader: process, mark: markOf(key), fresh: false };
}
