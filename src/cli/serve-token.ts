import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, SlowwaveError } from "../domain/failure.ts";

/**
 * The token of this home's server. Kept in the home, readable by its owner alone like the database beside it, so that
 * an open page goes on after the server was started again. Removing the file makes a new one.
 */
export async function serveToken(home: string): Promise<string> {
  const file = join(home, "serve-token");
  try {
    // Of several servers that start together the first one's stays.
    await writeFile(file, `${randomBytes(32).toString("base64url")}\n`, { flag: "wx", mode: 0o600 }).catch(
      (error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      },
    );
    const token = (await readFile(file, "utf8")).trim();
    if (/^[\w-]{43}$/.test(token)) return token;
  } catch (error) {
    throw new SlowwaveError("home_unavailable", `The file ${file} cannot be read or written.`, {
      cause: error,
    });
  }
  throw new SlowwaveError(
    "home_damaged",
    `The file ${file} holds no token; remove it, and a new one is made.`,
  );
}
