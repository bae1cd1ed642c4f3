import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "vite";

/** Builds the page once for all browser tests, as it stands in the sources. */
export async function setup(): Promise<() => void> {
  const outDir = mkdtempSync(join(tmpdir(), "slowwave-built-page-"));
  await build({ configFile: resolve("visualizer/vite.config.ts"), logLevel: "error", build: { outDir } });
  process.env.SLOWWAVE_TEST_PAGE = outDir;
  return () => rmSync(outDir, { recursive: true, force: true });
}
