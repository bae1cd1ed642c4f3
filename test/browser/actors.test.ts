import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commitOf, intent, newRun } from "../../src/testing/store/given.ts";
import { openChromium, openPage } from "./chromium.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

const HOSTILE = "<b>sub</b>\u202e";

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  const { runs } = world.store;
  const at = { value: "supervising", snapshot: '{"value":"supervising","context":{}}' };
  await runs.create(newRun(), commitOf(0, at));
  const child = (value: unknown) =>
    JSON.stringify({ src: "shipment", state: { status: "active", value, context: {} } });
  await runs.commit({
    ...commitOf(1, at),
    intents: [intent("run-1/1/watchAgent")],
    actors: [
      { key: "shipment", snapshot: child({ on: "its way" }), intents: [] },
      { key: `shipment/${HOSTILE}`, snapshot: child("waiting"), intents: [] },
    ],
  });
  served = await world.serve();
});
afterAll(async () => {
  await closeBrowser();
  await world.close();
});

test("the actors of an unfinished run are listed beside its snapshot, child machines with their states", async () => {
  const { page, context, wrong } = await openPage(
    browser,
    `${served.url}#token=${TOKEN}&run=run-1&tab=snapshot`,
  );
  const actors = page.getByRole("region", { name: "Actors" });
  await actors.waitFor();
  const lines = actors.locator("dl > div");
  const shown = await lines.evaluateAll((rows) =>
    rows.map((row) => [...row.children].map((one) => one.textContent)),
  );
  expect(shown).toEqual([
    ["shipment", "on.its way"],
    [expect.stringMatching(/^shipment\/<b>sub<\/b>‹202E›$/), "waiting"],
    ["watchAgent", "at work"],
  ]);
  expect(await actors.locator("b").count()).toBe(0);
  // Of the past nobody knows who worked then.
  await page.keyboard.press("Shift+ArrowLeft");
  await expect.poll(() => actors.count()).toBe(0);
  await page.keyboard.press("End");
  await context.close();
  expect(wrong).toEqual([]);
});
