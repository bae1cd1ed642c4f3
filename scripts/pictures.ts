/** Takes the pictures of the page for the README: real runs, a real server, Debian's Chromium. `node scripts/pictures.ts` */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../src/engine/engine-api.ts";
import { openChromium, openPage } from "../test/browser/chromium.ts";
import { consolidate, session, talkative, waits } from "../test/browser/work.ts";
import { openWorld, TOKEN } from "../test/browser/world.ts";

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
  { name: "narrow-dark", hash: `run=${run.id}`, scheme: "dark", ...narrow },
  { name: "narrow-light", hash: `run=${failed}`, scheme: "light", ...narrow },
  { name: "narrow-runs-dark", hash: "", scheme: "dark", ...narrow },
] as const;

mkdirSync(DOCS, { recursive: true });
for (const { name, hash, scheme, width, height, ...more } of pictures) {
  const { page, context, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}&${hash}`, {
    scheme,
    width,
    height,
  });
  await page
    .locator(hash === "" ? ".runs .row" : ".state.on")
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
