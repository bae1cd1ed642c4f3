import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { CoverageAnswer } from "./api.ts";
import { refuse } from "./refusal.ts";

/** What the path tests wrote: beside the compiled server in a package, in the checkout else. */
const PLACES = ["../coverage/paths.json", "../../coverage/paths.json"];

/** Throws `coverage_missing` when there is none, or what is there is something else. */
export async function readCoverage(file: string | null): Promise<CoverageAnswer> {
  const places =
    file === null ? PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))) : [file];
  for (const place of places) {
    const found = await readFile(place, "utf8").then(coverageIn, () => null);
    if (found !== null) return found;
  }
  throw refuse(
    "coverage_missing",
    "There is no coverage here; the path tests (`npm test`) write coverage/paths.json.",
  );
}

function coverageIn(text: string): CoverageAnswer | null {
  try {
    const found = JSON.parse(text) as Partial<CoverageAnswer>;
    return Array.isArray(found.transitions) && Array.isArray(found.paths) ? (found as CoverageAnswer) : null;
  } catch {
    return null;
  }
}
