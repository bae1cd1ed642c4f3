/**
 * Compiles `src` to `dist`, ESM and types, and builds the page to `dist/visualizer`; from nothing, so that no file of
 * an earlier build is packed.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
execFileSync("tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
execFileSync("vite", ["build", "visualizer", "--logLevel", "warn"], { stdio: "inherit" });
