import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { causeOf } from "../../domain/failure.ts";
import { checkRoot, nodeFiles } from "../../internal/memory.ts";
import { rootOf } from "../root-of.ts";
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
