import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openChromium, openPage } from "./chromium.ts";
import { manyRuns, manyWords } from "./plenty.ts";
import { session, waits } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

const RUNS = 10_000;
const WORDS = 50_000;
/** Rows that may exist at once, seen or nearly seen. */
const MOST_ROWS = 60;
/** Half of all frames come within this also on a machine that is very busy; a page that drew every row would take seconds. */
const SMOOTH_MS = 1_000;

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;
let live = "";

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  const { store } = world;
  const engine = world.engine(waits);
  const skipped = await engine.start({ space: "empty" });
  await skipped.result;
  const record = await store.runs.read(skipped.id);
  if (record === null) throw new Error("the run is not stored");
  await manyRuns(store, record, RUNS);
  await store.memories.upsert("global", [session(1)]);
  const run = await engine.start();
  live = run.id;
  await manyWords(store, live, WORDS, Date.now());
  served = await world.serve({ engine });
}, 240_000);

afterAll(async () => {
  await closeBrowser?.();
  await world?.close();
});

test("10,000 stored runs: all are in the list, few are drawn, and scrolling stays smooth", async () => {
  const { page, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}&tab=agent&run=none`);
  const list = page.getByRole("listbox", { name: "Runs" });
  await expect.poll(() => heightOf(page), { timeout: 60_000 }).toBe(`${(RUNS + 2) * 52}px`);
  expect(await page.locator(".runs .filters button").first().textContent()).toBe("all 10,002");
  const usual = await list.evaluate(async (box) => {
    const times: number[] = [];
    let before = performance.now();
    for (let step = 1; step <= 60; step++) {
      box.scrollTop = (box.scrollHeight * step) / 60;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - before);
      before = now;
    }
    return times.toSorted((a, b) => a - b)[times.length / 2] ?? 0;
  });
  expect(usual).toBeLessThan(SMOOTH_MS);
  expect(await list.getByRole("option").count()).toBeLessThan(MOST_ROWS);
  // The oldest is at the end, and drawn.
  await list.getByRole("option").last().waitFor();
  expect(await list.getByRole("option").last().getAttribute("aria-posinset")).toBe(String(RUNS + 2));
  await page.getByLabel("Filter runs").fill(live.slice(-6));
  await expect.poll(() => list.getByRole("option").count()).toBe(1);
  expect(wrong).toEqual([]);
  await page.context().close();
});

test("50,000 events: all are read, few are drawn, and a step in time is quick", async () => {
  const { page, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${live}`);
  const list = page.getByRole("listbox", { name: "Events" });
  await expect
    .poll(async () => Number((await page.locator(".tools .hint").textContent())?.replaceAll(/\D/g, "")), {
      timeout: 90_000,
    })
    .toBeGreaterThanOrEqual(WORDS);
  // The chart knows the whole way, though its beginning is fifty pages back.
  await expect.poll(() => page.locator(".edge.taken").count()).toBeGreaterThanOrEqual(6);
  expect(await list.getByRole("option").count()).toBeLessThan(MOST_ROWS);
  expect(await page.locator(".of-agent .track i").count()).toBeLessThanOrEqual(401);
  const usual = await page.evaluate(async () => {
    const times: number[] = [];
    for (let step = 0; step < 20; step++) {
      const began = performance.now();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
      await new Promise(requestAnimationFrame);
      times.push(performance.now() - began);
    }
    return times.toSorted((a, b) => a - b)[times.length / 2] ?? 0;
  });
  expect(usual).toBeLessThan(SMOOTH_MS);
  await page.getByLabel("Filter events").fill("number 49999");
  await expect.poll(() => list.getByRole("option").count()).toBe(1);
  expect(wrong).toEqual([]);
  await page.context().close();
});

function heightOf(page: Page): Promise<string> {
  return page.locator(".runs .rows-inside").evaluate((inside) => (inside as HTMLElement).style.height);
}
