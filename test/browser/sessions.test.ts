import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { phase1Machine } from "../../src/machines/phase1.ts";
import { ID, type LearnWorld, learnWorld, SHOP } from "../learning/world.ts";
import { openChromium, openPage } from "./chromium.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

const HOSTILE = "/home/dev/<img src=x onerror=alert(1)>\u202eshop";
const LATELY = Date.now() - 60_000;
const MANY = 1_203;

let world: World;
let learning: LearnWorld;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;
const runs = new Map<string, string>();

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  learning = learnWorld();
  const learner = learning.learner({ store: world.store });
  learning.claude(ID(1), SHOP);
  learning.claude(ID(2), SHOP, { cwd: HOSTILE });
  learning.claude(ID(3), [{ person: "Thanks." }], { cwd: "/home/dev/blog" });
  learning.claude(ID(4), SHOP, { cwd: "/home/dev/infra", at: LATELY });
  learning.claude(ID(5), SHOP, { cwd: "/home/dev/later" });
  await learner.look({ space: "global" });
  for (const n of [1, 2, 3, 4]) {
    const run = await learner.learn({ space: "global", key: `claude-${ID(n)}` });
    await run.result;
    runs.set(`claude-${ID(n)}`, run.id);
  }
  const many = Array.from({ length: MANY }, (_, at) => ({
    ...{ key: `codex-${at}`, agent: "codex", root: "/r", path: `/r/${at}.jsonl`, fingerprint: `${at}` },
    ...{ bytes: 10, changedAt: LATELY - at * 60_000 },
  }));
  await world.store.sessions.sight("work", many, LATELY);
  served = await world.serve();
});
afterAll(async () => {
  await closeBrowser();
  await world.close();
  await learning.remove();
});

async function withPage(hash: string, act: (page: Page) => Promise<void>): Promise<void> {
  const { page, context, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}${hash}`);
  await act(page);
  expect(wrong).toEqual([]);
  await context.close();
}

const rowOf = (page: Page, project: string) => page.locator(".sessions .row", { hasText: project });

describe("the sessions", () => {
  test("are listed with project, agent, and in a sentence what became of each and why", async () => {
    await withPage("", async (page) => {
      await page.getByRole("button", { name: "Sessions" }).click();
      await rowOf(page, "blog").waitFor();
      const textsOf = (project: string) => rowOf(page, project).locator("bdi").allTextContents();
      expect(await textsOf("demo-shop")).toEqual(["demo-shop", "learned", "Claude Code"]);
      expect(await textsOf("blog")).toEqual(["blog", "nothing in it was worth a note", "Claude Code"]);
      expect(await textsOf("infra")).toEqual([
        "infra",
        expect.stringMatching(/^waits until .*\d\d:\d\d(:\d\d)? \(somebody spoke lately\)$/),
        "Claude Code",
      ]);
      // Nobody has opened it yet, so nobody knows its folder.
      expect(await textsOf("no folder")).toEqual(["no folder", "due", "Claude Code"]);
      expect(await page.locator(".sessions .tally").textContent()).toBe("2 learned of 5");
    });
  });

  test("are found by every word of project, agent, folder and sentence", async () => {
    await withPage("&list=sessions", async (page) => {
      await rowOf(page, "blog").waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("claude worth");
      await expect.poll(() => page.locator(".sessions .row").count()).toBe(1);
      expect(await page.locator(".sessions .row").textContent()).toContain("blog");
    });
  });

  test("lead to the run that learned them, on the chart of phase 1, with its events and its past", async () => {
    await withPage("&list=sessions", async (page) => {
      await rowOf(page, "demo-shop").click();
      await page.locator(".state.on.is-succeeded").waitFor();
      const drawn = await page.locator(".chart .state .title").allTextContents();
      expect(drawn.filter((name) => name !== "closing").toSorted()).toEqual(
        [...Object.keys(phase1Machine.states), "recording"].toSorted(),
      );
      expect(await page.locator(".foreign").count()).toBe(0);
      expect(page.url()).toContain(`run=${runs.get(`claude-${ID(1)}`)}`);
      const card = page.locator(".session-card");
      expect(await card.textContent()).toMatch(
        /learned[\s\S]*Claude Code 2\.1\.328[\s\S]*demo-shop[\s\S]*main/,
      );
      const events = page.locator("#panel .events .row");
      await events.first().waitFor();
      expect((await events.allTextContents()).join("\n")).toContain("recordNote done");
      await page.keyboard.press("Shift+ArrowLeft");
      await page.keyboard.press("2");
      await page.locator(".snapshot .json").waitFor();
      await expect
        .poll(() => page.locator(".state.on").first().getAttribute("class"))
        .toContain("is-recording");
    });
  });

  test("that were left alone lead to the run that says why", async () => {
    await withPage("&list=sessions", async (page) => {
      await rowOf(page, "infra").click();
      await page.locator(".state.on.is-skipped").waitFor();
      expect(await page.locator(".reason").textContent()).toMatch(/^skipped_not_idle/);
      expect(await page.locator("#retry-run").getAttribute("title")).toContain(
        "slowwave learn --session claude-",
      );
    });
  });

  test("without a run are shown beside the chart of the way they will take", async () => {
    await withPage(`&list=sessions&session=claude-${ID(5)}`, async (page) => {
      const card = page.locator(".session-card");
      await card.waitFor();
      expect(await card.textContent()).toContain("No run of it is kept");
      expect(await page.locator(".chart").getAttribute("aria-label")).toContain("Statechart of phase1");
      expect(await page.locator(".state.on").count()).toBe(0);
    });
  });

  test("show what a stranger wrote as text, and nothing invisible of it", async () => {
    await withPage("&list=sessions", async (page) => {
      const row = rowOf(page, "onerror");
      await row.click();
      await page.locator(".session-card").waitFor();
      const shown = `${await row.textContent()} ${await page.locator(".session-card").textContent()}`;
      expect(shown).toContain("<img src=x onerror=alert(1)>");
      expect(shown).not.toContain("\u202e");
      expect(await page.locator(".sessions img, .session-card img").count()).toBe(0);
    });
  });

  test("of another space are a choice away, page by page, and the address names the space", async () => {
    await withPage("&list=sessions", async (page) => {
      await rowOf(page, "blog").click();
      await page.locator(".session-card").waitFor();
      const tally = page.locator(".sessions .tally");
      await page.getByRole("combobox", { name: "Space" }).selectOption("work");
      await expect.poll(() => tally.textContent()).toBe("0 learned of 1,203; the newest 500 are here older");
      expect(await page.locator(".session-card").count()).toBe(0);
      expect(page.url()).toMatch(/#list=sessions&space=work$/);
      await page.getByRole("button", { name: "older" }).click();
      await expect.poll(() => tally.textContent()).toContain("the newest 1,000 are here");
      await page.getByRole("button", { name: "older" }).click();
      await expect.poll(() => tally.textContent()).toBe("0 learned of 1,203");
      await page.goBack();
      await rowOf(page, "blog").waitFor();
      expect(await tally.textContent()).toBe("2 learned of 5");
    });
    await withPage("&list=sessions&space=work", async (page) => {
      await expect.poll(() => page.locator(".sessions .tally").textContent()).toContain("0 learned of 1,203");
    });
  });

  test("leave the list of consolidations to these", async () => {
    await withPage("", async (page) => {
      await page.locator(".runs .empty").waitFor();
      expect(await page.locator(".runs .row").count()).toBe(0);
    });
  });
});
