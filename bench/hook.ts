/** How long an agent waits for our hook at the start of a session, against Node doing nothing; in turns, in one run. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, printTable, quantile } from "./table.ts";

const ROUNDS = 60;

export async function hookStart(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const folder = join(home, "projections", "global");
  mkdirSync(folder, { recursive: true });
  const projects = Array.from({ length: 100 }, (_, at) => ({ folders: [`/srv/p${at}`], file: `p${at}.md` }));
  writeFileSync(join(folder, "index.json"), JSON.stringify({ format: 1, generation: "g", projects }));
  for (const { file } of projects) writeFileSync(join(folder, file), "- a line of the memory\n".repeat(100));
  const event = {
    session_id: "s1",
    transcript_path: "/t",
    cwd: "/srv/p42/src",
    hook_event_name: "SessionStart",
  };
  const input = JSON.stringify(event);
  const rows: (readonly [string, readonly string[]])[] = [
    ["node -e 0 (floor)", ["-e", "0"]],
    ["slowwave hook claude", ["bin/slowwave.js", "hook", "claude", "--home", home]],
  ];
  const times = rows.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round += 1) {
    rows.forEach(([, args], at) => {
      const began = performance.now();
      const { stdout } = spawnSync(process.execPath, args, { input });
      times[at]?.push(performance.now() - began);
      if (at === 1 && !stdout.includes("a line of the memory")) throw new Error("The hook did not answer.");
    });
  }
  const floor = times[0] ?? [];
  printTable(
    `hook at the start of a session, ${ROUNDS} in turns (${existsSync("dist/delivery/hook.js") ? "built package" : "sources: run `npm run build` for the package"})`,
    ["", "p50 ms", "p95 ms", "p95 / floor's p95"],
    rows.map(([name], at) => {
      const own = times[at] ?? [];
      return [
        name,
        median(own).toFixed(1),
        quantile(own, 0.95).toFixed(1),
        (quantile(own, 0.95) / quantile(floor, 0.95)).toFixed(2),
      ];
    }),
  );
  rmSync(home, { recursive: true });
}
