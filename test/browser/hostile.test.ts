import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TABS } from "../../visualizer/src/state/address.ts";
import { openChromium, openPage } from "./chromium.ts";
import { consolidate, session } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

const ATTACKS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(2)>",
  "<style>body{display:none}</style>",
  "</pre></code><svg onload=alert(3)>",
  "javascript:alert(4)",
  "https://elsewhere.example/pixel.png",
  "\u001b]8;;https://elsewhere.example\u0007click\u001b]8;;\u0007\u001b[2J\u001b[31m",
  "photo\u202egnp.exe \u2066\u2069\u200b\u{e0041}",
  "{{constructor.constructor('alert(5)')()}}",
  "x".repeat(60_000),
];
const NASTY = ATTACKS.join(" ");

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;
let published = "";
let failed = "";

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  await world.store.memories.upsert("global", [session(1, NASTY)]);
  // The gate would send such a handbook back; the page must stand one that is published all the same.
  const talker = world.engine(
    async ({ workspace, report }) => {
      for (const text of ATTACKS) {
        report(text);
        report({ type: "agent.thought", text });
        report({ type: "agent.tool", name: text.slice(0, 200), text });
      }
      await consolidate(
        workspace,
        ATTACKS.map((text) => text.replaceAll(/[\u0000-\u001f]/g, " ").slice(0, 500)),
      );
      await writeFile(join(workspace, "MEMORY.md"), ATTACKS.slice(0, 5).join("\n"), { flag: "a" });
      return NASTY;
    },
    { gate: { model_residue: "warn" } },
  );
  const run = await talker.start();
  expect((await run.result).status).toBe("succeeded");
  published = run.id;
  const space = "<img src=x onerror=alert(6)>\u202e";
  await world.store.memories.upsert(space, [session(1)]);
  const thrower = world.engine(() => {
    throw new Error(NASTY);
  });
  const lost = await thrower.start({ space });
  await lost.result;
  failed = lost.id;
  served = await world.serve({ engine: thrower });
}, 120_000);

afterAll(async () => {
  await closeBrowser?.();
  await world?.close();
});

/** What must not be on the page, whoever wrote what. */
async function strangers(page: Page): Promise<unknown> {
  return page.evaluate(() => ({
    elements: [
      ...document.querySelectorAll("#page script, #page img, #page style, #page iframe, [onerror], [onload]"),
    ].map((element) => element.outerHTML),
    links: [...document.querySelectorAll("a")].map((link) => link.href),
    hidden: /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069]/u.exec(
      [
        document.title,
        document.body.textContent,
        ...[...document.querySelectorAll("[title], [aria-label]")].flatMap((at) => [
          at.getAttribute("title"),
          at.getAttribute("aria-label"),
        ]),
      ].join(" "),
    )?.[0],
  }));
}

test.each([
  ["published", () => published],
  ["failed", () => failed],
])("what strangers wrote is text in every panel of a %s run", async (_, run) => {
  const { page, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${run()}`);
  await page.locator(".chip.succeeded, .chip.failed").waitFor();
  for (const [at, tab] of TABS.entries()) {
    await page.keyboard.press(String(at + 1));
    await page.locator(`#tab-${tab}[aria-selected=true]`).waitFor();
    await page.keyboard.press("Shift+ArrowLeft");
    await page.waitForLoadState("networkidle");
    expect(await strangers(page)).toEqual({
      elements: [],
      links: ["https://stately.ai/registry/editor"],
      hidden: undefined,
    });
  }
  expect(wrong).toEqual([]);
  await page.context().close();
});

test("what cannot be seen is made visible, and what would turn the line is kept in its place", async () => {
  const { page } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${published}&tab=agent`);
  const words = page.locator(".words .row");
  await words.first().waitFor();
  const texts = (await words.allTextContents()).join("\n");
  expect(texts).toContain("<script>alert(1)</script>");
  expect(texts).not.toMatch(/\u202e/);
  await page.context().close();
});

test("a dropped file is as little trusted as anything else", async () => {
  const { page, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}&run=${published}`);
  await page.locator(".chip.succeeded").waitFor();
  const answer = await fetch(`${served.url}api/runs/${published}/export`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const exported = (await answer.json()) as { detail: { run: object; owner: object; machine: object } };
  const poisoned = JSON.stringify(exported, (key, value: unknown) =>
    typeof value === "string" &&
    /^(value|line|status|agent|model|name|unit|life|why|kind|sandbox|threadId|space)$/.test(key)
      ? `${value.slice(0, 20)}<img src=x onerror=alert(7)>\u202e`
      : value,
  );
  await page.locator("input[type=file]").setInputFiles({
    name: "run.json",
    mimeType: "application/json",
    buffer: Buffer.from(poisoned),
  });
  await page.locator(".connection.file").waitFor();
  for (const [at, tab] of TABS.entries()) {
    await page.keyboard.press(String(at + 1));
    await page.locator(`#tab-${tab}[aria-selected=true]`).waitFor();
    expect(await strangers(page)).toMatchObject({ elements: [], hidden: undefined });
  }
  expect(wrong).toEqual([]);
  await page.context().close();
});
