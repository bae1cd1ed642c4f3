import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { statelySource } from "../../src/machines/formats.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { openChromium, openPage } from "./chromium.ts";
import { consolidate, session } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;
let run = "";

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  await world.store.memories.upsert("global", [session(1)]);
  const engine = world.engine(async ({ workspace, report }) => {
    report("I write it down.");
    await consolidate(workspace, ["it short"]);
    return "done";
  });
  const first = await engine.start();
  await first.result;
  run = first.id;
  served = await world.serve({ engine });
}, 120_000);

afterAll(async () => {
  await closeBrowser?.();
  await world?.close();
});

async function choose(page: Page, item: string): Promise<void> {
  await page.locator(".menu-button").click();
  await page.locator(".menu").getByText(item, { exact: true }).click();
}

/** Drops a file on the page, as a hand would. */
async function drop(page: Page, text: string): Promise<void> {
  const transfer = await page.evaluateHandle((content) => {
    const carried = new DataTransfer();
    carried.items.add(new File([content], "run.json", { type: "application/json" }));
    return carried;
  }, text);
  await page.locator(".work").dispatchEvent("drop", { dataTransfer: transfer });
}

/** Exports the run as a person would, and answers the file's text. */
async function exported(): Promise<string> {
  const { page, context } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${run}`);
  await page.locator(".chip.succeeded").waitFor();
  const download = page.waitForEvent("download");
  await choose(page, "Export run");
  const file = await download;
  expect(file.suggestedFilename()).toBe(`slowwave-run-${run}.json`);
  const text = await readFile(await file.path(), "utf8");
  await context.close();
  return text;
}

describe("an exported run", () => {
  test("opens without a server: the page as a file, the run by drop, everything works", async () => {
    const text = await exported();
    const folder = process.env.SLOWWAVE_TEST_PAGE ?? resolve("dist/visualizer");
    const { page, wrong } = await openPage(browser, pathToFileURL(join(folder, "index.html")).href);
    await page.getByRole("heading", { name: "Drop an exported run here" }).waitFor();
    await drop(page, text);
    await page.locator(".state.final.on.is-succeeded").waitFor();
    expect(await page.locator(".title h1").textContent()).toBe(run);
    expect(await page.locator(".connection").textContent()).toBe("from a file");
    expect(await page.locator("#retry-run").getAttribute("aria-disabled")).toBe("true");
    await page.keyboard.press("Home");
    await page.keyboard.press("Shift+ArrowRight");
    await page.locator(".state.on .title", { hasText: "configuring" }).waitFor();
    await page.keyboard.press("2");
    await page.locator(".changes dt", { hasText: "context.claimedWatermark" }).waitFor();
    await page.keyboard.press("3");
    await page.keyboard.press("End");
    await page.locator(".words .row", { hasText: "I write it down." }).waitFor();
    await page.keyboard.press("4");
    await page.locator(".diff .row.added", { hasText: "keep it short" }).waitFor();
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test("opens on a served page too, and a file that is none is refused in a sentence", async () => {
    const text = await exported();
    const { page } = await openPage(browser, `${served.url}#token=${TOKEN}`);
    await page.locator(".chip.succeeded").waitFor();
    await drop(page, "{");
    await page.locator(".notice.bad", { hasText: "This file is not JSON" }).waitFor();
    expect(await page.locator(".connection.live").count()).toBe(1);
    await drop(page, text);
    await page.locator(".connection.file").waitFor();
    await page.context().close();
  });
});

describe("what can be taken along", () => {
  test("the machine for Stately is on the clipboard; the page itself asks Stately nothing", async () => {
    const { page, wrong, context } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${run}`);
    await page.locator(".chip.succeeded").waitFor();
    await choose(page, "Copy machine source");
    await page.locator(".notice.good").waitFor();
    const source = await page.evaluate(() => navigator.clipboard.readText());
    expect(source).toBe(statelySource(phase2Machine));
    const link = page.locator(".menu a");
    expect(await link.getAttribute("rel")).toBe("noopener noreferrer");
    expect(await link.getAttribute("target")).toBe("_blank");
    expect(wrong).toEqual([]);
    await context.close();
  });
});
