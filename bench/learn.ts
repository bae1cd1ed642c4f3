/** `slowwave learn` on a thousand sessions, as a process of its own. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { laySyntheticSessions } from "./synthetic-sessions.ts";
import { printTable } from "./table.ts";

const SESSIONS = 1_000;
const BYTES = 50_000_000;

interface Learned {
  readonly sessions: readonly { readonly status: string }[];
}

export async function learn(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  try {
    laySyntheticSessions(home, { count: SESSIONS, bytes: BYTES, now: Date.now() });
    printTable(
      `slowwave learn: ${SESSIONS} sessions of ${BYTES / 1e6} MB, each a durable run`,
      ["", "seconds", "learned", "resident MB, at most"],
      [rowOf("first", home), rowOf("again, nothing is due", home)],
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function rowOf(what: string, home: string): readonly string[] {
  const bin = fileURLToPath(new URL("../bin/slowwave.js", import.meta.url));
  const peak = fileURLToPath(new URL("./peak-memory.ts", import.meta.url));
  const args = [bin, "learn", "--limit", String(SESSIONS), "--json", "--home", join(home, "state")];
  const env = { PATH: process.env.PATH, HOME: home };
  const started = performance.now();
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--import", peak, ...args], {
    env,
    encoding: "utf8",
    maxBuffer: 64_000_000,
  });
  if (status !== 0) throw new Error(`learn failed: ${stderr}`);
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const { sessions } = JSON.parse(stdout) as Learned;
  const kept = sessions.filter((session) => session.status === "succeeded").length;
  const megabytes = /peak (\d+)/.exec(stderr)?.[1] ?? "?";
  return [what, seconds, String(kept), megabytes];
}
