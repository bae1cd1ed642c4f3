import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TABS } from "../../visualizer/src/state/address.ts";
import { openChromium, openPage } from "./chromium.ts";
import { consolidate, session, talkative, waits } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;
const runs = { published: "", failed: "", live: "" };

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  await world.store.memories.upsert("global", [session(1)]);
  const good = world.engine(
    talkative(["MEMORY.md"], 0, async ({ workspace }) => {
      await consolidate(workspace, ["it short"]);
      return "done";
    }),
  );
  const first = await good.start();
  await first.result;
  runs.published = first.id;
  await world.store.memories.upsert("shop", [session(1)]);
  const bad = world.engine(() => {
    throw new Error("no");
  });
  const second = await bad.start({ space: "shop" });
  await second.result;
  runs.failed = second.id;
  await world.store.memories.upsert("global", [session(2)]);
  const live = world.engine(talkative(["MEMORY.md"], 0, waits));
  runs.live = (await live.start()).id;
  served = await world.serve({ engine: live });
}, 120_000);

afterAll(async () => {
  await closeBrowser?.();
  await world?.close();
});

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: run } = window as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[];
        }>;
      };
    };
    const found = await run.run();
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${JSON.stringify(target)} ${failureSummary}`),
    );
  });
}

describe.each(["dark", "light"] as const)("in %s colours", (scheme) => {
  test.each([
    [1600, 900],
    [390, 844],
  ])("no panel at %d × %d breaks a rule of accessibility", async (width, height) => {
    const { page } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${runs.live}`, {
      scheme,
      width,
      height,
    });
    await page.locator(".chip.active").waitFor();
    const found: Record<string, readonly string[]> = {};
    for (const [at, tab] of TABS.entries()) {
      await page.keyboard.press(String(at + 1));
      await page.locator(`#tab-${tab}[aria-selected=true]`).waitFor();
      found[tab] = await violations(page);
    }
    await page.keyboard.press("?");
    found.help = await violations(page);
    expect(Object.values(found).flat()).toEqual([]);
    await page.context().close();
  });

  test("nor do a failed run, a moment of the past, the menu, a dialog, and the list of runs alone", async () => {
    const { page } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${runs.failed}&tab=snapshot`, {
      scheme,
    });
    await page.locator(".reason").waitFor();
    await page.keyboard.press("Shift+ArrowLeft");
    await page.locator(".chip.past").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator(".menu-button").click();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("r");
    await page.getByRole("dialog").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "‹ Runs" }).click();
    expect(await violations(page)).toEqual([]);
    await page.context().close();
  });
});

test("a narrow screen scrolls in one direction only", async () => {
  const { page } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${runs.live}`, {
    width: 390,
    height: 844,
  });
  await page.locator(".chip.active").waitFor();
  for (const key of ["1", "2", "3", "4", "5"]) {
    await page.keyboard.press(key);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  }
  await page.context().close();
});

test("whoever asks for less motion gets none", async () => {
  const { page } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${runs.live}`, {
    reducedMotion: "reduce",
  });
  await page.locator(".halo").waitFor();
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  await page.context().close();
});

test("what changes is told to those who do not see it", async () => {
  const { page } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${runs.live}`);
  await page.locator(".chip.active").waitFor();
  expect(await page.getByRole("img", { name: /^Statechart of phase2/ }).getAttribute("aria-label")).toBe(
    "Statechart of phase2. The run is in supervising.",
  );
  expect(await page.locator("p.hidden[role=status]").textContent()).toBe("Run is in supervising");
  await page.context().close();
});
