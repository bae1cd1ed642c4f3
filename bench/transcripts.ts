/** Reading sessions and making their notes: a thousand of them, and one that is very long. */

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extractNote, gatherEvidence } from "../src/extraction/index.ts";
import { listSessions, READERS, transcriptAt } from "../src/transcripts/index.ts";
import { laySyntheticSessions } from "./synthetic-sessions.ts";
import { printTable } from "./table.ts";

const SESSIONS = 1_000;
const MB = 1_000_000;
const LONG_MB = 500;

export async function transcripts(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  try {
    // The long one first: what is resident only ever grows.
    const long = await readLong(home);
    const many = await readMany(home);
    printTable(
      "Transcripts: read, freed of secrets, made into notes",
      ["", "MB", "seconds", "notes", "resident MB, at most"],
      [
        [`one session of ${LONG_MB} MB, read`, String(LONG_MB), long.seconds, "-", long.resident],
        [
          `${SESSIONS} sessions, read and noted`,
          many.megabytes,
          many.seconds,
          String(many.notes),
          many.resident,
        ],
      ],
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The most that was resident while `work` went on, and how much of it was there before. */
async function watched<Result>(work: () => Promise<Result>) {
  const started = performance.now();
  const before = process.memoryUsage.rss();
  let most = before;
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 20);
  const result = await work();
  look();
  clearInterval(timer);
  return {
    result,
    seconds: ((performance.now() - started) / 1_000).toFixed(1),
    resident: `${(most / MB).toFixed(0)} (${((most - before) / MB).toFixed(0)} more)`,
  };
}

async function readLong(home: string) {
  const path = join(home, "90e8fce3-061f-45ef-941c-431a103557b8.jsonl");
  // By another process, whose garbage is not counted here.
  const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), path], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the long session could not be laid");
  const { seconds, resident } = await watched(async () => {
    const file = await transcriptAt(path);
    let seen = 0;
    for await (const { text } of READERS[file.agent].read(file)) seen += text.length;
    return seen;
  });
  rmSync(path);
  return { seconds, resident };
}

/** Nothing but turns with tools, each some ten kilobytes: all of it is conversation, which is the most work. */
function layLong(path: string): void {
  const file = openSync(path, "w");
  const session = "90e8fce3-061f-45ef-941c-431a103557b8";
  const output = "a line of output that nobody will ever read again\n".repeat(200);
  for (let bytes = 0, at = 0; bytes < LONG_MB * MB; at += 1) {
    const common = {
      sessionId: session,
      cwd: "/srv/shop",
      version: "2.1.328",
      timestamp: new Date(Date.UTC(2026, 0) + at * 1_000).toISOString(),
    };
    const call = { type: "tool_use", id: `call-${at}`, name: "Bash", input: { command: "npm test" } };
    const result = { type: "tool_result", tool_use_id: `call-${at}`, content: `${output}${at}` };
    const lines = [
      {
        type: "user",
        uuid: `u${at}`,
        message: { role: "user", content: `Run the tests for the ${at}th time.` },
        ...common,
      },
      { type: "assistant", uuid: `a${at}`, message: { role: "assistant", content: [call] }, ...common },
      { type: "user", uuid: `r${at}`, message: { role: "user", content: [result] }, ...common },
    ];
    bytes += writeSync(file, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
  }
  closeSync(file);
}

async function readMany(home: string) {
  const { bytes } = laySyntheticSessions(home, {
    count: SESSIONS,
    bytes: 50 * MB,
    now: Date.UTC(2026, 10, 28),
  });
  const { result, seconds, resident } = await watched(async () => {
    let notes = 0;
    for await (const file of listSessions({ env: {}, home, platform: process.platform })) {
      const reader = READERS[file.agent];
      const session = await reader.describe(file);
      const extraction = extractNote(session, await gatherEvidence(reader.read(file)));
      if (extraction.kind === "note") notes += 1;
    }
    return notes;
  });
  return { megabytes: (bytes / MB).toFixed(0), seconds, notes: result, resident };
}

const [, self, wanted] = process.argv;
if (self === fileURLToPath(import.meta.url) && wanted !== undefined) layLong(wanted);
