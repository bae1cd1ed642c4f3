import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * The folder of commands of an npm package, installed with those `besides` (`name@version`) in a cache of its own beside the dependencies.
 * Null, and loudly so, when it can't be had: the network is not the project's to promise.
 */
export function installed(
  npmPackage: string,
  version: string,
  besides: readonly string[] = [],
): string | null {
  const folder = resolve(
    "node_modules/.cache/slowwave-real",
    `${npmPackage.replace(/\W+/g, "-")}-${version}`,
  );
  const done = join(folder, "installed");
  try {
    if (!existsSync(done)) {
      mkdirSync(folder, { recursive: true });
      const wanted = `${npmPackage}@${version}`;
      const quiet = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
      execFileSync("npm", ["install", "--prefix", folder, ...quiet, wanted, ...besides], {
        timeout: 240_000,
        stdio: ["ignore", "ignore", "pipe"],
      });
      writeFileSync(done, wanted);
    }
    return join(folder, "node_modules", ".bin");
  } catch (error) {
    const { stderr } = error as { readonly stderr?: Buffer };
    const why = stderr?.toString().trim().split("\n").at(-1) || String(error);
    console.error(`\nNOT RUN: ${npmPackage} ${version} could not be installed: ${why}\n`);
    return null;
  }
}
