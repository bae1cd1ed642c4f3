import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openChromium, openPage } from "./chromium.ts";
import { consolidate, session } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  const engine = world.engine(async ({ workspace }) => {
    await consolidate(workspace, ["it short"]);
    return "done";
  });
  for (const n of [1, 2]) {
    await world.store.memories.upsert("global", [session(n)]);
    await (await engine.start()).result;
  }
  served = await world.serve({ engine });
}, 120_000);

afterAll(async () => {
  await closeBrowser?.();
  await world?.close();
});

const focused = (page: Page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at?.getAttribute("aria-label") ?? at?.textContent?.trim() ?? "";
  });

test("everything can be done without a mouse", async () => {
  const { page, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}`);
  const { keyboard } = page;
  await page.locator(".chip.succeeded").waitFor();
  const newest = await page.locator(".title h1").textContent();

  // Runs: filter, list, and from one to the next.
  await keyboard.press("/");
  expect(await focused(page)).toBe("Filter runs");
  await keyboard.type("memor");
  await keyboard.press("Escape");
  await keyboard.press("j");
  await expect.poll(() => page.locator(".title h1").textContent()).not.toBe(newest);
  await keyboard.press("k");
  await expect.poll(() => page.locator(".title h1").textContent()).toBe(newest);

  // Time, once the run is read.
  await page.locator(".chip.succeeded").waitFor();
  await keyboard.press("Shift+ArrowLeft");
  await page.locator(".state.on .title", { hasText: "recording" }).waitFor();
  await keyboard.press("End");
  await page.locator(".state.on .title", { hasText: "succeeded" }).waitFor();

  // Panels by number, and by arrows on their tabs.
  await keyboard.press("4");
  await page.locator(".artifacts .file").first().waitFor();
  await page.locator("#tab-artifacts").focus();
  await keyboard.press("ArrowRight");
  expect(await focused(page)).toBe("coverage");
  await keyboard.press("1");

  // Long lists: one stop, arrows choose.
  await page.getByRole("listbox", { name: "Events" }).focus();
  await keyboard.press("ArrowUp");
  await page.locator(".chip.past").waitFor();
  const active = await page.getByRole("listbox", { name: "Events" }).getAttribute("aria-activedescendant");
  expect(await page.locator(`#${active}`).getAttribute("aria-selected")).toBe("true");

  // Dialogs keep the focus, Escape leaves them and gives it back.
  await keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  expect(await focused(page)).toBe("Close");
  await keyboard.press("Escape");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  expect(await focused(page)).toBe("Events");
  await keyboard.press("r");
  await page.getByRole("dialog", { name: "Start a new run?" }).waitFor();
  await keyboard.press("Escape");

  // The menu.
  await page.locator(".menu-button").focus();
  await keyboard.press("Enter");
  await page.locator(".menu:popover-open").waitFor();
  await keyboard.press("Tab");
  expect(await focused(page)).toBe("Copy as test");
  await keyboard.press("Enter");
  await page.locator(".notice.good").waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(
    'import { phase2Machine } from "slowwave"',
  );

  // Colours.
  await keyboard.press("d");
  expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
  await keyboard.press("d");
  expect(await page.locator("html").getAttribute("data-theme")).toBe("light");
  await page.reload();
  expect(await page.locator("html").getAttribute("data-theme")).toBe("light");
  expect(wrong).toEqual([]);
  await page.context().close();
});

test("Tab reaches every control and shows where it is", async () => {
  const { page } = await openPage(browser, `${served.url}#token=${TOKEN}`);
  await page.locator(".chip.succeeded").waitFor();
  const stops = new Set<string>();
  for (let at = 0; at < 40; at++) {
    await page.keyboard.press("Tab");
    stops.add(await focused(page));
    const isOutlined = await page.evaluate(() => {
      const at = document.activeElement;
      return at === document.body || at === null || getComputedStyle(at).outlineStyle !== "none";
    });
    expect(isOutlined).toBe(true);
  }
  const needed = [
    "Filter runs",
    "Runs",
    "Retry",
    "Cancel run",
    "More",
    "Drawing of the machine",
    "true scale",
    "Lanes",
  ];
  expect(
    [...needed, "events", "Filter events", "Events", "Payload"].filter((name) => !stops.has(name)),
  ).toEqual([]);
  await page.context().close();
});
