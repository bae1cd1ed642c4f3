import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copiedHome } from "../cli/copied-home.ts";
import { commandLine, line } from "../cli/invoke.ts";
import { tree } from "../workspace/bench.ts";
import { expectNothingTorn, leftBehind } from "./left-behind.ts";
import { type Moment, type Victims, victims } from "./victim.ts";

const LANES = 2;
let commands: Victims;
let hash: string;

beforeAll(async () => {
  commands = await victims("test/long/command.child.ts");
});
afterAll(() => commands.clear());

/** Two generations, and a dry run of a third. */
const freshHome = copiedHome(async (first) => {
  const take = async (...lines: string[]) => {
    const here = commandLine({ stdin: lines.map((text) => `${text}\n`) }, first);
    await here.slowwave("import", "-");
    return here;
  };
  await (await take(line())).slowwave("run");
  const second = { thread_id: "thread-2", source_updated_at: "2026-09-03T10:00:00Z" };
  await (await take(line(second))).slowwave("run");
  const third = { thread_id: "thread-3", source_updated_at: "2026-09-04T10:00:00Z", cwd: "/home/dev/other" };
  const { value } = await (await take(line(third))).json("run", "--dry-run");
  hash = (value as { dryRun: { hash: string } }).dryRun.hash;
});

/** Kills the command before each of its changes, and with half a file written; `after` looks at each home it left. */
async function killEverywhere(
  argv: readonly string[],
  after: (copy: string, moment: string) => Promise<void>,
) {
  const calm = freshHome();
  const die = (copy: string, moment: Moment) =>
    commands.die(join(copy, "home"), [...argv, "--home", join(copy, "home")], moment);
  const { code, steps } = await die(calm, null);
  expect(code).toBe(0);
  const seen = new Map<string, number>();
  const moments = steps.flatMap((step) => {
    const times = seen.get(step) ?? 0;
    seen.set(step, times + 1);
    return step.startsWith("write ")
      ? [
          { step, after: times },
          { step: `half ${step}`, after: times },
        ]
      : [{ step, after: times }];
  });
  let kills = 0;
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let at = lane; at < moments.length; at += LANES) {
      const copy = freshHome();
      const { killed } = await die(copy, moments[at] ?? null);
      if (killed) kills += 1;
      expectNothingTorn(join(copy, "home"), leftBehind(join(copy, "home")));
      await after(copy, JSON.stringify(moments[at]));
      rmSync(copy, { recursive: true, force: true });
    }
  });
  await Promise.all(lanes);
  expect(kills).toBe(moments.length);
  console.log(`${kills} kills of ${argv[0]}`);
}

/** Given again, it ends as if nothing had happened. */
async function expectRepeatable(argv: readonly string[]) {
  const calm = freshHome();
  await commandLine({}, calm).slowwave(...argv);
  const wanted = await tree(join(calm, "home/memories"));
  await killEverywhere(argv, async (copy, moment) => {
    const { json } = commandLine({}, copy);
    expect(await json(...argv), moment).toMatchObject({ code: 0, value: { outcome: "succeeded" } });
    expect(await tree(join(copy, "home/memories")), moment).toEqual(wanted);
    expect(leftBehind(join(copy, "home")).journal).toBeNull();
    await expectSettled(json, argv[0] === "apply" ? "done" : "pending");
  });
}

async function expectSettled(json: ReturnType<typeof commandLine>["json"], wanted: string) {
  const { value } = await json("status");
  const { job, unfinished } = value as { job: { status: string }; unfinished: unknown };
  expect({ status: job.status, unfinished }).toEqual({ status: wanted, unfinished: null });
}

test("apply, killed before any change it makes, and given again: exactly the dry run's files, and the job settled", async () => {
  await expectRepeatable(["apply", hash]);
});

test("apply, killed before any change it makes, keeps no run waiting: one at once ends whole", async () => {
  await killEverywhere(["apply", hash], async (copy, moment) => {
    const { json } = commandLine({}, copy);
    const { code, value } = await json("run");
    expect({ code, ...(value as object) }, moment).toMatchObject({
      code: 0,
      // Where it was killed after its last change there is nothing left to do.
      status: expect.stringMatching(/^(succeeded|succeeded_no_workspace_changes|skipped_not_dirty)$/),
    });
    expect(leftBehind(join(copy, "home")).journal).toBeNull();
    await expectSettled(json, "done");
  });
});

test("rollback, killed before any change it makes, and given again: exactly the generation that was asked for", async () => {
  const { value } = await commandLine({}, freshHome()).json("diff", "--list");
  const { generations } = value as { generations: readonly { id: string }[] };
  await expectRepeatable(["rollback", generations.at(-1)?.id ?? ""]);
});
