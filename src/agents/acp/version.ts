import { execFile } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { nodeFiles } from "../../files/node-files.ts";
import { removePath } from "../../files/remove-tree.ts";
import { scrubbedEnvironment } from "../../process/environment.ts";
import type { Program } from "../../process/find-program.ts";

const PATIENCE_MS = 10_000;

/** As its npm package says, else as it says itself; null when neither does. */
export async function versionOf(program: Program, npmPackage: string): Promise<string | null> {
  const script = program.filter((word, at) => at < 2 && isAbsolute(word)).at(-1) ?? program[0];
  return (await packagedVersion(dirname(script), npmPackage)) ?? toldVersion(program);
}

/** Of the nearest package above that has this name. */
async function packagedVersion(folder: string, npmPackage: string): Promise<string | null> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => "{}");
  try {
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
    if (name === npmPackage) return typeof version === "string" ? version : null;
  } catch {
    // Somebody else's.
  }
  return dirname(folder) === folder ? null : packagedVersion(dirname(folder), npmPackage);
}

/** In a home of its own: it is only asked, and must not write into the person's. */
async function toldVersion([file, ...args]: Program): Promise<string | null> {
  const home = await mkdtemp(join(tmpdir(), "slowwave-version-"));
  const env = scrubbedEnvironment(process.env, "probe", { HOME: home, TMPDIR: home });
  try {
    return await new Promise((resolve) => {
      const options = { env, cwd: home, timeout: PATIENCE_MS, killSignal: "SIGKILL" } as const;
      execFile(file, [...args, "--version"], options, (_error, stdout) =>
        resolve(/\b\d+\.\d+\.\d+[\w.-]*/.exec(stdout)?.[0] ?? null),
      ).stdin?.end();
    });
  } finally {
    await removePath(nodeFiles(), home);
  }
}
