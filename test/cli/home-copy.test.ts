import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandLine, line, temporaryFolder } from "./invoke.ts";

/** A home with one run, and what is said of a home of the given folder. */
async function lived() {
  const folder = temporaryFolder();
  const here = commandLine({ stdin: [`${line()}\n`] }, folder);
  await here.slowwave("import", "-");
  await here.slowwave("run");
  return here.home;
}

async function told(home: string) {
  const { slowwave } = commandLine({ stdin: [`${line({ thread_id: "two" })}\n`] }, temporaryFolder());
  await slowwave("import", "-", "--home", home);
  const run = JSON.parse((await slowwave("run", "--json", "--home", home)).stdout);
  const { checks } = JSON.parse((await slowwave("doctor", "--json", "--home", home)).stdout);
  const { warnings } = JSON.parse((await slowwave("status", "--json", "--home", home)).stdout);
  return {
    status: run.status,
    findings: run.findings.filter(({ code }: { code: string }) => code === "home_copied").length,
    doctor: checks.find(({ name }: { name: string }) => name === "home").mend,
    warnings: warnings.map((text: string) => text.slice(0, 27)),
  };
}

const NOTHING = { status: "succeeded", findings: 0, doctor: null, warnings: [] };
const COPIED = {
  status: "succeeded",
  findings: 1,
  doctor: "slowwave doctor --adopt-home",
  warnings: ["This home is a copy of /"].map((text) => expect.stringContaining(text)),
};

test("a copy of a home that is still there is told by the run, status and doctor, until it is adopted", async () => {
  const home = await lived();
  const copy = join(temporaryFolder(), "copy");
  cpSync(home, copy, { recursive: true });
  expect(await told(copy)).toEqual(COPIED);
  expect(await told(home)).toEqual(NOTHING);
  await commandLine().slowwave("doctor", "--adopt-home", "--home", copy);
  const { warnings } = JSON.parse((await commandLine().slowwave("status", "--json", "--home", copy)).stdout);
  expect(warnings).toEqual([]);
});

test("a home that was moved, within a disk or to another, is no copy", async () => {
  const home = await lived();
  const moved = join(temporaryFolder(), "moved");
  renameSync(home, moved);
  expect(await told(moved)).toEqual(NOTHING);
  const other = join(temporaryFolder(), "other");
  cpSync(moved, other, { recursive: true });
  rmSync(moved, { recursive: true });
  expect((await told(other)).findings).toBe(0);
});

test("a home that came from another machine names that machine", async () => {
  const copy = join(temporaryFolder(), "copy");
  cpSync(await lived(), copy, { recursive: true });
  const file = join(copy, "home-place.json");
  const place = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...place, host: "elsewhere", path: copy, inode: "1" }));
  const { warnings } = JSON.parse((await commandLine().slowwave("status", "--json", "--home", copy)).stdout);
  expect(warnings[0]).toContain(`This home is a copy of ${copy} on elsewhere.`);
});

test("a memory folder that is ahead of the database is told before the next run, by status and doctor, and by a run that has nothing to do", async () => {
  const home = await lived();
  const mark = join(home, "memories/.slowwave");
  const known = JSON.parse(readFileSync(mark, "utf8"));
  writeFileSync(mark, JSON.stringify({ ...known, generation: "of-another-database" }));
  const { slowwave } = commandLine();
  const { warnings } = JSON.parse((await slowwave("status", "--json", "--home", home)).stdout);
  const { checks } = JSON.parse((await slowwave("doctor", "--json", "--home", home)).stdout);
  const root = checks.find(({ name }: { name: string }) => name === "memory root");
  expect([warnings.length, root.verdict]).toEqual([1, "warn"]);
  const run = await slowwave("run", "--home", home);
  for (const text of [warnings[0], root.message, run.stderr])
    expect(text).toContain(
      "was last brought to generation of-another-database, which this database does not know",
    );
});
