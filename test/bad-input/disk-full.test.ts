import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { checkStore } from "../../src/cli/doctor-checks.ts";
import { translated } from "../../src/persistence/sqlite/patience.ts";
import { line, temporaryFolder } from "../cli/invoke.ts";
import { run } from "../cli/real-process.ts";

const places = (database: string): Parameters<typeof checkStore>[0] =>
  ({ places: { database, store: null } }) as Parameters<typeof checkStore>[0];

test("an I/O error on a full disk is told as what it is; elsewhere, and anything else, is not", () => {
  const error = new Database.SqliteError("disk I/O error", "SQLITE_IOERR_SHMSIZE");
  expect(translated(error, "/home/slowwave.db", () => 0)).toMatchObject({ code: "store_full", cause: error });
  expect(translated(error, "/home/slowwave.db", () => 2 ** 40)).toMatchObject({ code: "store_unavailable" });
  const corrupt = new Database.SqliteError("malformed", "SQLITE_CORRUPT");
  expect(translated(corrupt, "/home/slowwave.db", () => 0)).toMatchObject({ code: "store_corrupt" });
});

test("doctor moves only a damaged database away, with what belongs to it; never one that can't be read now", () => {
  const folder = temporaryFolder();
  const database = join(folder, "slowwave.db");
  writeFileSync(database, "x".repeat(8_192));
  writeFileSync(`${database}-wal`, "");
  expect(checkStore(places(database), () => 2 ** 40)).toMatchObject({
    verdict: "fail",
    mend: `mkdir ${database}.damaged && mv ${database} ${database}-wal ${database}.damaged/`,
  });
  expect(checkStore(places(database), () => 0)).toMatchObject({
    verdict: "fail",
    message: expect.stringContaining("the disk is full: free some space"),
    mend: null,
  });
  const unreadable = join(folder, "folder.db");
  mkdirSync(unreadable);
  expect(checkStore(places(unreadable), () => 2 ** 40)).toMatchObject({
    verdict: "fail",
    message: expect.stringContaining("leave the file where it is"),
    mend: null,
  });
});

/** Only the superuser may mount, and not in every container. */
test.skipIf(process.getuid?.() !== 0)(
  "on a disk without a byte left, status and recover end with a sentence",
  async ({ skip }) => {
    const folder = temporaryFolder();
    const disk = join(folder, "disk");
    mkdirSync(disk);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).status !== 0) return skip();
    onTestFinished(() => void execFileSync("umount", [disk]));
    const home = join(disk, "home");
    writeFileSync(join(folder, "notes.jsonl"), line());
    expect((await run(["import", join(folder, "notes.jsonl"), "--home", home])).code).toBe(0);
    spawnSync("dd", ["if=/dev/zero", `of=${join(disk, "filling")}`, "bs=4k"]);
    for (const command of ["status", "recover"]) {
      expect(await run([command, "--home", home])).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringMatching(
          /^error No space is left .* free some .*\n {2}cause: .*\n {2}code: store_full\n$/,
        ),
      });
    }
  },
);
