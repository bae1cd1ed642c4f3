import { stat } from "node:fs/promises";
import { quoted } from "../quoted.ts";
import { type Check, failure, fine, type Patient, warning } from "./check.ts";

/** Memories are private: nobody but the owner may read the home. */
export async function checkHome({ at }: Patient): Promise<Check> {
  const { home } = at.places;
  const found = await stat(home).catch(() => null);
  if (found === null) return fine("home", `${home} is not there yet; the first import or run makes it`);
  if (!found.isDirectory()) return failure("home", `${home} is not a folder`, "slowwave doctor --home DIR");
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    return warning("home", `${home} can be read by others`, `chmod 700 ${quoted(home)}`);
  }
  return fine("home", home);
}
