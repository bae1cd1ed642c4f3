import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { RunPlaces } from "../domain/phase2.ts";
import { defaultRoot } from "../memory-files/memory-path.ts";
import { type CopiedHome, findHomeCopy } from "./home-place.ts";

/** The state folder of one installation (contract, section 1), seen from the engine. */
export interface Home {
  readonly folder: string;
  /**
   * Creates the folder if it is missing and says which home it is; the id marks the memory roots it writes. Rejects with
   * `home_foreign` for the folder of another program, `home_unavailable` or `home_damaged`.
   */
  prepare(): Promise<string>;
  /** Where this home was copied from; null when it is no copy. Asks once. */
  findCopy(): Promise<CopiedHome | null>;
  /** Null: this process writes no memory folders. */
  rootOf(space: string): string | null;
  placesOf(space: string, run: string): RunPlaces;
}

export function createHome(folder: string, memoryRoot?: ((space: string) => string) | null): Home {
  let id: Promise<string> | null = null;
  let copy: Promise<CopiedHome | null> | null = null;
  const rootOf = (space: string) =>
    memoryRoot === null ? null : resolve(memoryRoot?.(space) ?? defaultRoot(folder, space));
  return {
    folder,
    prepare: () => {
      id ??= identify(folder);
      // A failed attempt is not remembered: the disk may be mended meanwhile.
      id.catch(() => {
        id = null;
      });
      return id;
    },
    findCopy: () => {
      copy ??= findHomeCopy(folder).catch(() => null);
      return copy;
    },
    rootOf,
    placesOf: (space, run) => ({
      runFolder: join(folder, "staging", run),
      workspace: join(folder, "staging", run, "workspace"),
      rejected: join(folder, "rejected", run),
      root: rootOf(space),
    }),
  };
}

/** Gives a home that has no id yet the one it had before: a restored home goes on as the one its backup was made from. */
export async function adoptHomeId(folder: string, id: string): Promise<void> {
  if (!HOME_ID.test(id)) throw new SlowwaveError("home_damaged", "The backup does not hold a home's id.");
  await writeFile(join(folder, "home-id"), `${id}\n`, { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
}

const HOME_ID = /^[0-9a-f-]{36}$/;

/** The id is written whole and once: of several processes that start together, the first one's stays. */
async function identify(folder: string): Promise<string> {
  const file = join(folder, "home-id");
  const draft = `${file}.${randomUUID()}`;
  await refuseForeignHome(folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, `${randomUUID()}\n`, { flag: "wx", mode: 0o600 });
    await link(draft, file).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
    await unlink(draft);
  } catch (error) {
    const message = `The home ${folder} cannot be written; choose another with --home or SLOWWAVE_HOME.`;
    throw new SlowwaveError("home_unavailable", message, { cause: error });
  }
  const id = (await readFile(file, "utf8")).trim();
  if (!HOME_ID.test(id)) {
    throw new SlowwaveError(
      "home_damaged",
      `The file ${file} does not hold a home's id; restore it from a backup.`,
    );
  }
  return id;
}

/** What the folder of each program holds: every one of these names together, and Slowwave's own folder none. */
const OF_OTHERS: readonly { readonly program: string; readonly names: readonly RegExp[] }[] = [
  { program: "Codex", names: [/^state_\d+\.sqlite$/] },
  { program: "Codex", names: [/^config\.toml$/, /^sessions$/] },
  { program: "Claude Code", names: [/^\.claude\.json$/] },
  { program: "Claude Code", names: [/^projects$/, /^history\.jsonl$/] },
  { program: "Gemini CLI", names: [/^projects\.json$/, /^tmp$/] },
  { program: "OpenCode", names: [/^opencode(-[\w.-]+)?\.db$/] },
];

/** What only a home of ours holds. A database alone is no sign: a host may have opened its store here a moment ago. */
const OURS = "home-id";

/**
 * The program whose folder this is, with the names that say so; null when it is none that is known, is not there, or is a
 * home of ours already: what somebody keeps in it stays within reach, and `slowwave doctor` says that it is shared.
 */
export async function ownerOfFolder(
  folder: string,
): Promise<{ readonly program: string; readonly found: readonly string[]; readonly isOurs: boolean } | null> {
  const present: readonly string[] = await readdir(folder).catch(() => []);
  for (const { program, names } of OF_OTHERS) {
    const found = names.map((name) => present.find((other) => name.test(other)));
    if (found.every((name) => name !== undefined)) {
      return { program, found, isOurs: present.includes(OURS) };
    }
  }
  return null;
}

/** Throws `home_foreign` for the folder of another program, before anything is made in it. */
export async function refuseForeignHome(folder: string): Promise<void> {
  const owner = await ownerOfFolder(folder);
  if (owner === null || owner.isOurs) return;
  throw new SlowwaveError(
    "home_foreign",
    `The folder ${folder} is no home of Slowwave but holds what ${owner.program} keeps (${owner.found.join(", ")}); choose another with --home or SLOWWAVE_HOME.`,
  );
}
