import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { causeOf } from "../../domain/failure.ts";
import { isUnchanged } from "../../domain/generation.ts";
import { systemClock } from "../../internal/engine.ts";
import { checkRoot, type Integrity, inspectGenerations, nodeFiles } from "../../internal/memory.ts";
import { rootOf } from "../store.ts";
import { counted } from "../ui/format.ts";
import { type Check, failure, fine, type Patient, warning } from "./check.ts";

const MEANING = {
  empty: "is empty yet",
  ours: "is ours",
  adoptable: "is not ours yet; the first run takes what is there as the first generation",
} as const;

/** The same test as before a claim. */
export async function checkMemoryRoot({ at, store }: Patient): Promise<readonly Check[]> {
  const { places } = at;
  const { space } = places;
  const root = rootOf(places, space);
  const homeId = await readFile(join(places.home, "home-id"), "utf8").catch(() => "");
  const journal = (await store?.generations.openJournal(space)) ?? null;
  const open =
    journal === null
      ? []
      : [warning("memory root", `${root} was left in the middle of a publish`, "slowwave recover")];
  try {
    const state = await checkRoot({ root, homeId: homeId.trim(), space, files: nodeFiles() });
    const published =
      state === "empty" ? ((await store?.generations.current(space))?.manifest.length ?? 0) : 0;
    return [...open, published > 0 ? gone(root) : fine("memory root", `${root} ${MEANING[state]}`)];
  } catch (error) {
    return [...open, failure("memory root", causeOf(error))];
  }
}

/** The next run lays the memory out again, but only when there is something new. */
function gone(root: string): Check {
  return warning(
    "memory root",
    `${root} is empty or gone, though a memory was published`,
    "slowwave rollback current",
  );
}

/** Without `--full` a big history is looked at for so long, newest first. */
const BUDGET_MS = 5_000;
const NAMED = 3;

/** Every blob hashed again, every manifest complete, and the folder compared with the generation in effect. */
export async function checkGenerations({ at, store }: Patient, full: boolean): Promise<readonly Check[]> {
  if (store === null) return [];
  const { places } = at;
  const { space } = places;
  const homeId = (await readFile(join(places.home, "home-id"), "utf8").catch(() => "")).trim();
  const found = await inspectGenerations(
    { generations: store.generations, files: nodeFiles(), clock: systemClock },
    { space, root: rootOf(places, space), homeId, budgetMs: full ? null : BUDGET_MS },
  );
  if (found.generations === 0) return [fine("generations", "none yet")];
  return [whole(found), ...edited(found)];
}

function whole({ generations, blobs, left, damaged }: Integrity): Check {
  const looked = `${counted(generations, "generation")}, ${counted(blobs, "file")} hashed again`;
  if (damaged.length > 0) {
    const named = damaged.slice(0, NAMED).join(", ");
    const more = damaged.length > NAMED ? ` and ${damaged.length - NAMED} more` : "";
    return failure(
      "generations",
      `${looked}; damaged or missing: ${named}${more}. What is in the folder is not touched; a backup of the database brings them back`,
    );
  }
  return left === 0
    ? fine("generations", `${looked}, all whole`)
    : warning(
        "generations",
        `${looked}, all whole; there was no time for ${left} more`,
        "slowwave doctor --full",
      );
}

function edited({ edits }: Integrity): readonly Check[] {
  if (edits === null || isUnchanged(edits)) return [];
  const { added, modified, deleted } = edits;
  const count = added.length + modified.length + deleted.length;
  return [
    fine(
      "edits",
      `the memory folder was edited by hand: ${count} ${count === 1 ? "file differs" : "files differ"} from the current generation; \`slowwave diff --edits\` shows it, and the next run keeps it as a generation of its own`,
    ),
  ];
}
