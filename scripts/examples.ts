/** Runs every example as a user would, against the built package; the first that fails ends it. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

for (const name of readdirSync("examples").filter((file) => file.endsWith(".ts"))) {
  console.log(`--- examples/${name}`);
  const { status } = spawnSync(process.execPath, [`examples/${name}`], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

// A store of one's own passes the first parts of the contract that the package ships.
console.log("--- examples/own-store");
const { status } = spawnSync("vitest", ["run", "--root", "examples/own-store"], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);
