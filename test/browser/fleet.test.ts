import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WorkerReport } from "../../src/domain/admission.ts";
import { openChromium, openPage } from "./chromium.ts";
import { session } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;

function report(name: string, some: Partial<WorkerReport> = {}): WorkerReport {
  return {
    ...{ worker: `owner-${name}`, name, host: "host-1", pid: 4711, version: "0.1.0", state: "working" },
    ...{ concurrency: 8, limits: { fleet: 64, tenant: 4 }, running: 3, takeovers: 2, leasesLost: 0 },
    ...{ startedAtMs: Date.now() - 3_600_000, clockOffsetMs: 0 },
    ...some,
  };
}

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  for (const space of ["acme/web", "acme/api", "globex/app", "<b>evil<b>\u202e/x", "alone"]) {
    await world.store.memories.upsert(space, [session(1)]);
  }
  const nowMs = Date.now();
  const { admissions } = world.store;
  await admissions.beat({ report: report("first"), nowMs });
  const draining = report("second", { state: "draining", leasesLost: 1, clockOffsetMs: -7_200_000 });
  await admissions.beat({ report: draining, nowMs });
  const terms = { successCooldownSeconds: 0, retries: 3, nowMs };
  const request = { ...terms, worker: "owner-first", count: 1, limits: { fleet: 64, tenant: 4 } };
  expect((await admissions.admit(request)).admitted.length).toBe(1);
  await admissions.pause({ tenant: "globex", isPaused: true });
  served = await world.serve();
});
afterAll(async () => {
  await closeBrowser();
  await world.close();
});

async function withPage(hash: string, act: (page: Page) => Promise<void>, width = 1600): Promise<void> {
  const { page, context, wrong } = await openPage(browser, `${served.url}#token=${TOKEN}${hash}`, { width });
  await act(page);
  expect(wrong).toEqual([]);
  await context.close();
}

const rowOf = (page: Page, name: string) => page.locator(".fleet tbody tr", { hasText: name });

describe("the fleet", () => {
  test("is shown as workers with their places, takeovers, lost leases and clocks, and tenants with what waits", async () => {
    await withPage("", async (page) => {
      await page.getByRole("button", { name: "Fleet" }).click();
      await rowOf(page, "first").waitFor();
      const cells = async (name: string) =>
        (await rowOf(page, name).locator("th, td").allTextContents()).slice(0, 6);
      expect(await cells("first")).toEqual([
        ...["firsthost-1 · 4711", "working", "3 of 8", "64 in all, 4 a tenant", "2", "0"],
      ]);
      expect((await cells("second")).slice(1)).toEqual([
        "draining",
        "3 of 8",
        "64 in all, 4 a tenant",
        "2",
        "1",
      ]);
      expect(await rowOf(page, "second").textContent()).toContain("its clock is 2h 00m off");
      const acme = (await cells("acme")).slice(0, 4);
      const alone = (await cells("(no tenant)")).slice(0, 4);
      expect([acme, alone]).toEqual([
        ["acme", "0", expect.any(String), expect.any(String)],
        ["(no tenant)", "0", expect.any(String), expect.any(String)],
      ]);
      expect(await rowOf(page, "globex").textContent()).toContain("paused");
      expect(await page.locator(".fleet-summary dd").allTextContents()).toEqual([
        ...["2", "0", "1", "4", expect.stringMatching(/s$/), "4"],
      ]);
    });
  });

  test("shows what a stranger called a space as text", async () => {
    await withPage("&list=fleet", async (page) => {
      await rowOf(page, "evil").waitFor();
      expect(await rowOf(page, "evil").locator("th").textContent()).toMatch(/^<b>evil<b>[^\u202e]*$/);
      expect(await page.locator(".fleet tbody b").count()).toBe(0);
    });
  });

  test("goes on by itself: a worker that leaves is gone, and a narrow page shows the fleet alone", async () => {
    await world.store.admissions.beat({ report: report("third"), nowMs: Date.now() });
    await withPage(
      "&list=fleet",
      async (page) => {
        await rowOf(page, "third").waitFor();
        expect(await page.locator(".side").isVisible()).toBe(false);
        await world.store.admissions.leave("owner-third");
        await expect.poll(() => rowOf(page, "third").count(), { timeout: 10_000 }).toBe(0);
      },
      390,
    );
  });
});
