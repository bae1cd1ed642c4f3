/** How long a person waits for the command itself, against Node doing nothing. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, printTable } from "./table.ts";

const ROUNDS = 9;

export async function cliStart(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const rows: (readonly [string, readonly string[]])[] = [
    ["node, nothing (floor)", ["-e", "0"]],
    ["slowwave --version", ["bin/slowwave.js", "--version"]],
    ["slowwave --help", ["bin/slowwave.js", "--help"]],
    ["slowwave status --json", ["bin/slowwave.js", "status", "--json", "--home", home]],
  ];
  const times = rows.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round += 1) {
    rows.forEach(([, args], at) => {
      const began = performance.now();
      spawnSync(process.execPath, args, { stdio: "ignore" });
      times[at]?.push(performance.now() - began);
    });
  }
  const floor = median(times[0] ?? []);
  printTable(
    `start of the command, medians of ${ROUNDS} (built package)`,
    ["", "ms", "x floor"],
    rows.map(([name], at) => [
      name,
      median(times[at] ?? []).toFixed(0),
      (median(times[at] ?? []) / floor).toFixed(1),
    ]),
  );
  rmSync(home, { recursive: true });
}
