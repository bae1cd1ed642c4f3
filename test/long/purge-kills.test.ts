import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copiedHome } from "../cli/copied-home.ts";
import { commandLine } from "../cli/invoke.ts";
import { found, livedIn, THREAD } from "../generations/lived-in.ts";
import { expectNothingTorn, leftBehind } from "./left-behind.ts";
import { type Moment, type Victims, victims } from "./victim.ts";

const LANES = 2;
let commands: Victims;

beforeAll(async () => {
  commands = await victims("test/long/command.child.ts");
});
afterAll(() => commands.clear());

const freshHome = copiedHome(livedIn);

const purge = (copy: string, moment: Moment) => {
  const home = join(copy, "home");
  return commands.die(home, ["purge", THREAD, "--yes", "--home", home], moment);
};

test("killed before any change a purge makes, and in the middle of it: the next purge leaves nothing of the thread", async () => {
  const calm = freshHome();
  const { code, steps } = await purge(calm, null);
  expect({ code, left: found(join(calm, "home")) }).toEqual({ code: 0, left: [] });
  const seen = new Map<string, number>();
  const moments = steps.flatMap((step): Moment[] => {
    const after = seen.get(step) ?? 0;
    seen.set(step, after + 1);
    // Only a folder can be half removed.
    const halves = /^(?:write |remove (?!.*\.json$))/.test(step) ? [{ step: `half ${step}`, after }] : [];
    return [{ step, after }, ...halves];
  });
  // What one call of the database does can only be met by chance.
  const vacuum = steps.indexOf("sql vacuum") + 1;
  const chances = [0, 1, 2, 3, 4, 5, 6, 8];
  moments.push(...chances.map((delayMs) => ({ steps: vacuum, delayMs })));
  const kills: string[] = [];
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let at = lane; at < moments.length; at += LANES)
      kills.push(...(await killed(moments[at] ?? null, at)));
  });
  const started = performance.now();
  await Promise.all(lanes);
  const spread = [...Map.groupBy(kills, (step) => step)].map(([step, { length }]) => `${length}  ${step}`);
  console.log(
    [
      `${kills.length} kills of ${moments.length} moments in ${Math.round((performance.now() - started) / 1_000)} s`,
      ...spread,
    ].join("\n"),
  );
  expect(kills.length).toBeGreaterThanOrEqual(moments.length - chances.length);
});

/** The handbook as a person left it; the purge makes a generation of it first. */
function edits(home: string): Readonly<Record<string, string>> {
  const text = readFileSync(join(home, "memories/MEMORY.md"));
  return { "MEMORY.md": createHash("sha256").update(text).digest("hex") };
}

async function killed(moment: Moment, at: number): Promise<readonly string[]> {
  const copy = freshHome();
  const home = join(copy, "home");
  const edited = edits(home);
  const died = await purge(copy, moment);
  if (!died.killed) expect(died).toMatchObject({ code: 0 });
  expectNothingTorn(home, leftBehind(home), edited);
  // Every third time the purge that mends it is killed as well, further on.
  if (at % 3 === 0) await purge(copy, { steps: (at * 13) % 97, delayMs: at % 4 });
  const { json } = commandLine({}, copy);
  expect(await json("purge", THREAD, "--yes")).toMatchObject({ code: 0, value: { outcome: "succeeded" } });
  expect(found(home), JSON.stringify(moment)).toEqual([]);
  const left = leftBehind(home);
  expectNothingTorn(home, left);
  expect(left.journal).toBeNull();
  expect(readFileSync(join(home, "memories/MEMORY.md"), "utf8")).toContain("The build needs Node 22.");
  expect(readdirSync(join(home, "rejected"))).toContain("of-others");
  // The job is dirty and free: a run can follow at once.
  if (at % 10 === 0) expect(await json("run")).toMatchObject({ code: 0, value: { status: "succeeded" } });
  expect(found(home)).toEqual([]);
  rmSync(copy, { recursive: true, force: true });
  return died.killed ? [`${"step" in (moment ?? {}) ? "" : "inside "}${died.steps.at(-1)}`] : [];
}
