import { readdir } from "node:fs/promises";
import { SlowwaveError } from "../domain/failure.ts";

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
