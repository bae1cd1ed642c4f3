/** Takes the pictures of the page for the README: real runs, a real server, Debian's Chromium. `node scripts/pictures.ts` */
import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../src/engine/engine-api.ts";
import { commitOf, intent, newRun } from "../src/testing/store/given.ts";
import { openChromium, openPage } from "../test/browser/chromium.ts";
import { consolidate, session, talkative, waits } from "../test/browser/work.ts";
import { openWorld, TOKEN } from "../test/browser/world.ts";
import { ID, learnWorld, SHOP } from "../test/learning/world.ts";

const DOCS = "docs";
const WORDS = [
  "raw_memories.md · 42 entries",
  "grouped 42 entries under 9 headings",
  "MEMORY.md · +14 −6",
  "rollout_summaries/ · 42 links checked",
  "memory_summary.md · v1",
];

const world = await openWorld();
const { browser, close } = await openChromium();
const upsert = (space: string, numbers: readonly number[]) =>
  world.store.memories.upsert(
    space,
    numbers.map((n) => session(n)),
  );
const ended = async (engine: Engine, space: string): Promise<string> => {
  const run = await engine.start({ space });
  await run.result;
  return run.id;
};
const writing = (lines: readonly string[], pauseMs: number) =>
  world.engine(
    talkative(WORDS, pauseMs, async ({ workspace }) => {
      await consolidate(workspace, lines);
      return "The memory holds what was new.";
    }),
  );
const quick = writing(["commits short and in the present tense"], 20);

await upsert("global", [1, 2]);
await ended(quick, "global");
for (const space of ["shop", "blog", "infra"]) {
  await upsert(space, [1, 2, 3]);
  await ended(quick, space);
}
await ended(quick, "blog");
await upsert("shop", [4]);
const refused = world.engine(
  talkative(WORDS.slice(0, 3), 60, () => {
    throw new Error("the model refused: quota exceeded until 18:00");
  }),
);
const failed = await ended(refused, "shop");
await upsert("global", [3, 4, 5, 6]);
const published = await ended(
  writing(
    ["commits short and in the present tense", "prices in cents, never floats", "`make deps` before `make`"],
    120,
  ),
  "global",
);
await upsert("infra", [5]);
const crashed = await world.crash("infra");
await ended(quick, "infra");
await ended(quick, "global");
await upsert("global", [7, 8]);
const live = world.engine(talkative(WORDS, 700, waits));
const run = await live.start();
const served = await world.serve({ engine: live, coverage: "coverage/paths.json" });
await new Promise((resolve) => setTimeout(resolve, 9_000));

// Sessions of agents in every state that a person meets, in a home of their own.
const learning = learnWorld();
const learner = learning.learner({ store: world.store });
const DAY = 86_400_000;
const talks = [
  { cwd: "/home/dev/demo-shop", at: Date.now() - 26 * 3_600_000 },
  { cwd: "/home/dev/blog", at: Date.now() - 3 * DAY },
  { cwd: "/home/dev/infra", at: Date.now() - 4 * DAY },
  { cwd: "/home/dev/demo-shop", at: Date.now() - 6 * DAY },
];
/** As the agent would have left the file: the list goes by when it was changed. */
const changedAt = (file: string, at: number) => utimesSync(file, at / 1_000, at / 1_000);
talks.forEach((talk, n) => {
  changedAt(learning.claude(ID(n + 1), SHOP, talk), talk.at);
});
changedAt(
  learning.claude(ID(5), [{ person: "Thanks." }], { cwd: "/home/dev/notes", at: Date.now() - 5 * DAY }),
  Date.now() - 5 * DAY,
);
learning.claude(ID(6), SHOP, { cwd: "/home/dev/infra", at: Date.now() - 600_000 });
changedAt(learning.sample("codex"), Date.now() - 7 * DAY);
changedAt(learning.sample("gemini"), Date.now() - 8 * DAY);
const { files } = await learner.look({ space: "global" });
for (const key of files.keys()) await (await learner.learn({ space: "global", key })).result;
changedAt(learning.claude(ID(7), SHOP, { cwd: "/home/dev/later" }), Date.now() - 2 * DAY);
await learner.look({ space: "global" });
await world.store.sessions.sight(
  "work",
  [...files.values()].map((file) => ({ ...file, changedAt: Math.trunc(file.changedAt) })),
  Date.now(),
);

// Two workers and what waits for them.
const { admissions } = world.store;
const spaces = ["acme/web", "acme/api", "acme/docs", "globex/app", "globex/site", "initech/tps"];
for (const space of spaces) await upsert(space, [1]);
const report = {
  ...{ host: "build-7", pid: 4711, version: "0.1.0", concurrency: 8, takeovers: 2, leasesLost: 0 },
  ...{ limits: { fleet: 64, tenant: 4 }, startedAtMs: Date.now() - 5_400_000, clockOffsetMs: 0 },
};
/** Who has not reported for a minute is no worker any more. */
const beat = async () => {
  const nowMs = Date.now();
  const first = { worker: "w-1", name: "worker-1", state: "working", running: 5 } as const;
  const second = { worker: "w-2", name: "worker-2", state: "draining", running: 1, leasesLost: 1 } as const;
  for (const one of [first, second]) await admissions.beat({ report: { ...report, ...one }, nowMs });
};
await beat();
const terms = { successCooldownSeconds: 0, retries: 3, nowMs: Date.now() };
await admissions.admit({ ...terms, worker: "w-1", count: 2, limits: report.limits });
await admissions.pause({ tenant: "initech", isPaused: true });

// A run of a host's own machine, whose children work for it.
const at = {
  run: "order-7",
  atMs: Date.now(),
  value: "supervising",
  snapshot: '{"value":"supervising","context":{"order":7}}',
};
await world.store.runs.create({ ...newRun({ id: "order-7" }), createdAtMs: Date.now() }, commitOf(0, at));
const child = (value: unknown) =>
  JSON.stringify({ src: "child", state: { status: "active", value, context: {} } });
await world.store.runs.commit({
  ...commitOf(1, at),
  intents: [intent("order-7/1/watchAgent")],
  actors: [
    { key: "payment", snapshot: child("captured"), intents: [] },
    { key: "shipment", snapshot: child({ packing: "waiting for the courier" }), intents: [] },
    { key: "shipment/label", snapshot: child("printed"), intents: [] },
  ],
});
const learnedRun = (await world.store.runs.list({ machines: ["phase1"], limit: 50 })).find((run) =>
  String(JSON.stringify(run.snapshot)).includes(ID(1)),
);

const wide = { width: 1600, height: 900 };
const narrow = { width: 390, height: 844 };
const pictures = [
  { name: "live-dark", hash: `run=${run.id}`, scheme: "dark", ...wide },
  { name: "live-light", hash: `run=${run.id}&tab=agent`, scheme: "light", ...wide },
  { name: "failed-dark", hash: `run=${failed}`, scheme: "dark", ...wide },
  { name: "published-light", hash: `run=${published}&tab=artifacts`, scheme: "light", ...wide },
  { name: "resumed-dark", hash: `run=${crashed}&tab=agent`, scheme: "dark", ...wide },
  { name: "past-light", hash: `run=${published}&tab=snapshot`, scheme: "light", keys: 4, ...wide },
  { name: "coverage-dark", hash: `run=${published}&tab=coverage`, scheme: "dark", ...wide },
  { name: "sessions-dark", hash: `list=sessions&run=${learnedRun?.id}`, scheme: "dark", ...wide },
  { name: "fleet-light", hash: "list=fleet", scheme: "light", wait: ".fleet tbody tr", ...wide },
  { name: "actors-dark", hash: "run=order-7&tab=snapshot", scheme: "dark", wait: ".actors", ...wide },
  {
    name: "narrow-sessions-light",
    hash: "list=sessions",
    scheme: "light",
    wait: ".sessions .row",
    ...narrow,
  },
  { name: "narrow-dark", hash: `run=${run.id}`, scheme: "dark", ...narrow },
  { name: "narrow-light", hash: `run=${failed}`, scheme: "light", ...narrow },
  { name: "narrow-runs-dark", hash: "", scheme: "dark", ...narrow },
] as const;

mkdirSync(DOCS, { recursive: true });
/** `node scripts/pictures.ts NAME…` takes these alone. */
const asked = process.argv.slice(2);
for (const { name, hash, scheme, width, height, ...more } of pictures) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  await beat();
  const { page, context, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}&${hash}`, {
    scheme,
    width,
    height,
  });
  await page
    .locator("wait" in more ? more.wait : hash === "" ? ".runs .row" : ".state.on")
    .first()
    .waitFor();
  await page.waitForLoadState("networkidle").catch(() => {});
  for (let step = 0; step < ("keys" in more ? more.keys : 0); step++)
    await page.keyboard.press("Shift+ArrowLeft");
  await page.waitForTimeout(900);
  await page.screenshot({ path: join(DOCS, `page-${name}.png`) });
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  await context.close();
}
await close();
await world.close();
await learning.remove();
