/** `slowwave learn` on a thousand sessions, as a process of its own; red where it takes more than it may. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { laySyntheticSessions } from "./synthetic-sessions.ts";
import { printTable } from "./table.ts";

const SESSIONS = 1_000;
const BYTES = 50_000_000;
const MOST = { seconds: 60, megabytes: 200 };
/** As a timer starts it (`cli/commands/schedule.ts`). */
const FRUGAL = "--max-semi-space-size=4";
const BUILT = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

interface Learned {
  readonly sessions: readonly { readonly status: string }[];
}

export async function learn(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  try {
    laySyntheticSessions(home, { count: SESSIONS, bytes: BYTES, now: Date.now() });
    const rows = [
      measured("by hand", home, []),
      measured("again, nothing is due", home, []),
      measured("by a timer", home, [FRUGAL], "timer"),
    ];
    const what = existsSync(BUILT) ? "built package" : "sources: run `npm run build` for the package";
    printTable(
      `slowwave learn: ${SESSIONS} sessions of ${BYTES / 1e6} MB, each a durable run (${what})`,
      ["", "seconds", "learned", "resident MB, at most"],
      rows.map(({ name, seconds, learned, megabytes }) => [
        name,
        seconds.toFixed(1),
        String(learned),
        String(megabytes),
      ]),
    );
    const isOver = rows.some(
      ({ seconds, megabytes }) => seconds >= MOST.seconds || !(megabytes < MOST.megabytes),
    );
    if (isOver) {
      console.error(`More than it may take: ${MOST.seconds} s, ${MOST.megabytes} MB.`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function measured(name: string, home: string, flags: readonly string[], state = "state") {
  const bin = fileURLToPath(new URL("../bin/slowwave.js", import.meta.url));
  const peak = fileURLToPath(new URL("./peak-memory.ts", import.meta.url));
  const script = existsSync(BUILT)
    ? ["--input-type=module", "-e", `(await import(${JSON.stringify(BUILT)})).enter();`, "--", "slowwave"]
    : [bin];
  const args = ["learn", "--limit", String(SESSIONS), "--json", "--home", join(home, state)];
  const env = { PATH: process.env.PATH, HOME: home };
  const started = performance.now();
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, "--import", peak, ...script, ...args],
    { env, encoding: "utf8", maxBuffer: 64_000_000 },
  );
  if (status !== 0) throw new Error(`learn failed: ${stderr}`);
  const { sessions } = JSON.parse(stdout) as Learned;
  return {
    name,
    seconds: (performance.now() - started) / 1_000,
    learned: sessions.filter((session) => session.status === "succeeded").length,
    megabytes: Number(/peak (\d+)/.exec(stderr)?.[1]),
  };
}
