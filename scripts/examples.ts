/** Runs every example as a user would, against the built package; the first that fails ends it. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

for (const name of readdirSync("examples").filter((file) => file.endsWith(".ts"))) {
  console.log(`--- examples/${name}`);
  const { status } = spawnSync(process.execPath, [`examples/${name}`], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
