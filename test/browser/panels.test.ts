import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { phase2Machine } from "../../src/machines/phase2.ts";
import type { CoverageAnswer } from "../../src/server/api.ts";
import { describeMachine } from "../../visualizer/layout/describe.ts";
import { openChromium, openPage } from "./chromium.ts";
import { consolidate, session, talkative, waits } from "./work.ts";
import { openWorld, type Served, TOKEN, type World } from "./world.ts";

const UNTESTED = "mayRepair";
const COVERAGE: CoverageAnswer = {
  machine: "phase2",
  hash: "",
  transitions: describeMachine(phase2Machine).transitions.map(({ id, source, event, target, guard }) => ({
    ...{ id, source, event, target: target ?? "" },
    paths: guard === UNTESTED ? [] : [0, 1],
  })),
  paths: ["the first path", "the second path"],
};

let world: World;
let served: Served;
let browser: Browser;
let closeBrowser: () => Promise<void>;
const runs = { first: "", published: "", failed: "", resumed: "", live: "" };
let endTheLiveRun: () => void = () => {};

beforeAll(async () => {
  ({ browser, close: closeBrowser } = await openChromium());
  world = await openWorld();
  const upsert = (space: string, numbers: readonly number[]) =>
    world.store.memories.upsert(
      space,
      numbers.map((n) => session(n)),
    );
  const words = ["raw_memories.md · 2 entries", "MEMORY.md · +14 −6"];
  const good = (lines: readonly string[]) =>
    world.engine(
      talkative(words, 0, async ({ workspace }) => {
        await consolidate(workspace, lines);
        return "all done";
      }),
    );
  await upsert("global", [1, 2]);
  runs.first = await ended(good(["commits short"]), "global");
  await upsert("global", [3]);
  runs.published = await ended(good(["commits short", "prices in cents"]), "global");
  await upsert("shop", [1]);
  const bad = world.engine(
    talkative(words, 0, () => {
      throw new Error("the model refused");
    }),
  );
  runs.failed = await ended(bad, "shop");
  await upsert("crashed", [1]);
  runs.resumed = await world.crash("crashed");
  expect(await ended(good([]), "crashed")).toBe(runs.resumed);
  await upsert("global", [4]);
  const live = world.engine(
    talkative(words, 0, async (task) => {
      await Promise.race([waits(task), new Promise<void>((resolve) => (endTheLiveRun = resolve))]);
      await consolidate(task.workspace, ["commits short", "tests first"]);
      return "done at last";
    }),
  );
  runs.live = (await live.start()).id;
  const coverage = join(world.home, "paths.json");
  await writeFile(coverage, JSON.stringify(COVERAGE));
  served = await world.serve({ engine: live, coverage });
}, 120_000);

afterAll(async () => {
  await closeBrowser?.();
  await world?.close();
});

async function ended(engine: ReturnType<World["engine"]>, space: string): Promise<string> {
  const run = await engine.start({ space });
  await run.result;
  return run.id;
}

const open = (hash: string, look = {}) => openPage(browser, `${served.url}#token=${TOKEN}${hash}`, look);
const active = (page: Page) => page.locator(".state.on:not(.compound) .title").allTextContents();
const takenLines = (page: Page) => page.locator(".edge.taken, .edge.fallen").count();

describe("a live run", () => {
  test("is chosen by itself, and everything shows where it is", async () => {
    const { page, wrong } = await open("");
    await page.locator(".state.on .title", { hasText: "supervising" }).waitFor();
    expect(await page.locator(".title h1").textContent()).toBe(runs.live);
    expect(await page.locator(".chip.active").textContent()).toBe("running · supervising");
    expect(await page.locator(".lease-sign > span").textContent()).toMatch(/^lease 59m \d\ds beat .* ago$/);
    expect(await page.locator(".lease-sign .owner").textContent()).toMatch(/alive$/);
    expect(await page.locator(".caption").textContent()).toContain(
      "Follows the agent's status until it is final.",
    );
    // What could happen next is brightened: the agent's end, and what may happen in any state.
    expect(await page.locator(".anywhere .next").allTextContents()).toEqual([
      "cancel",
      "lease.lost",
      "lease.uncertain",
      "budget.reached",
    ]);
    expect(await page.locator(".lane .name").allTextContents()).toEqual([
      ...["claiming", "configuring", "loading", "syncing", "spawning", "supervising"],
      ...["lease", "agent"],
    ]);
    expect(await page.locator(".bar.open").count()).toBe(1);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test("moves on by itself, without a reload, to its end", async () => {
    const { page, wrong } = await open(`&run=${runs.live}`);
    await page.locator(".connection.live").waitFor();
    const before = await page.evaluate(() => performance.getEntriesByType("navigation").length);
    endTheLiveRun();
    await page.locator(".chip.succeeded").waitFor();
    await page.locator(".state.final.on.is-succeeded").waitFor();
    expect(await page.locator(".lease-sign").count()).toBe(0);
    expect(await page.locator("#run-0").textContent()).toContain("4 memories");
    expect(await page.evaluate(() => performance.getEntriesByType("navigation").length)).toBe(before);
    expect(wrong).toEqual([]);
    await page.context().close();
  });
});

describe("a failed run", () => {
  test("says on the first screen why, and what to do; its way down is in red", async () => {
    const { page, wrong } = await open(`&run=${runs.failed}`);
    await page.locator(".reason").waitFor();
    expect(await page.locator(".reason code").textContent()).toBe("failed_agent");
    expect(await page.locator(".reason").textContent()).toContain("the model refused");
    expect(await active(page)).toEqual(["failed"]);
    expect(await page.locator(".edge.fallen").count()).toBe(2);
    expect(await page.locator("#cancel-run").getAttribute("aria-disabled")).toBe("true");
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test("cancel, where it is not possible, says why", async () => {
    const { page } = await open(`&run=${runs.failed}`);
    await page.locator(".reason").waitFor();
    // It is not disabled for good: asked, it says why.
    await page.locator("#cancel-run").click({ force: true });
    expect(await page.locator("dialog p").textContent()).toBe("Not possible now. The run is over.");
    expect(await page.locator("dialog button").allTextContents()).toEqual(["Close"]);
    await page.context().close();
  });
});

describe("a run whose process was killed", () => {
  test("shows the way back to its workspace, and its retries as further bars", async () => {
    const { page, wrong } = await open(`&run=${runs.resumed}&tab=agent`);
    await page.locator(".chip.succeeded").waitFor();
    expect(await page.locator(".edge.taken", { hasText: /mayRestart|agent.gone/ }).count()).toBe(1);
    expect(await page.locator(".lane", { hasText: "syncing" }).locator(".bar").count()).toBe(2);
    expect(wrong).toEqual([]);
    await page.context().close();
  });
});

describe("a run whose process was killed and that nobody took over", () => {
  test("says that its owner is dead, and what brings it on", async () => {
    await world.store.memories.upsert("orphan", [session(1)]);
    const orphan = await world.crash("orphan");
    const { page } = await open(`&run=${orphan}`);
    await page.locator(".reason", { hasText: "slowwave recover" }).waitFor();
    expect(await page.locator(".lease-sign .owner").textContent()).toMatch(/dead$/);
    await page.context().close();
  });
});

describe("coverage", () => {
  test("is heat on the chart; an edge leads to its paths, and one without paths stands out", async () => {
    const { page, wrong } = await open(`&run=${runs.published}&tab=coverage`);
    await page.locator(".canvas.heated").waitFor();
    expect(await page.locator(".transitions .hint").textContent()).toBe("2 paths · 1 not walked");
    expect(await page.locator(".edge.untested text").allTextContents()).toEqual([UNTESTED]);
    await page.locator(".edge.untested text").click();
    await page.getByText("No generated path takes this transition.").waitFor();
    expect(await page.locator(".transitions .row.chosen").textContent()).toContain(UNTESTED);
    await page.getByRole("listbox", { name: "Transitions" }).getByRole("option").first().click();
    await page.locator(".paths .row").first().waitFor();
    expect(await page.locator(".paths .row").allTextContents()).toEqual([
      "the first path",
      "the second path",
    ]);
    expect(wrong).toEqual([]);
    await page.context().close();
  });
});

describe("travelling in time", () => {
  test("chart, timeline, snapshot and address follow each step, and End comes back to the end", async () => {
    const { page, wrong } = await open(`&run=${runs.published}&tab=snapshot`);
    await page.locator(".chip.succeeded").waitFor();
    const whole = await takenLines(page);
    await page.keyboard.press("Home");
    await page.locator(".chip.past").waitFor();
    expect(await active(page)).toEqual(["claiming"]);
    expect(await takenLines(page)).toBe(0);
    await page.keyboard.press("Shift+ArrowRight");
    await page.locator(".changes dt", { hasText: "context.claimedWatermark" }).waitFor();
    expect(await active(page)).toEqual(["configuring"]);
    expect(await page.locator(".changes .hint").textContent()).toBe("configuring");
    expect(await page.locator(".bar.future").count()).toBeGreaterThan(5);
    expect(new URL(page.url()).hash).toMatch(new RegExp(`^#run=${runs.published}&at=\\d+&tab=snapshot$`));
    await page.keyboard.press("End");
    expect(await active(page)).toEqual(["succeeded"]);
    expect(await takenLines(page)).toBe(whole);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test("a click on a bar looks at its beginning; the address can be given to somebody else", async () => {
    const { page, context } = await open(`&run=${runs.published}`);
    await page.locator(".lane", { hasText: "verifying" }).locator(".bar").click();
    await page.locator(".state.on .title", { hasText: "verifying" }).waitFor();
    const again = await context.newPage();
    await again.goto(page.url());
    // The other tab of the same browser hands over its token.
    await again.locator(".state.on .title", { hasText: "verifying" }).waitFor();
    await context.close();
  });

  test("true scale draws lengths in proportion", async () => {
    const { page } = await open(`&run=${runs.published}`);
    await page.locator(".chip.succeeded").waitFor();
    const width = async () => (await page.locator(".lane .bar").first().boundingBox())?.width ?? 0;
    const floor = await width();
    await page.keyboard.press("t");
    expect(await page.locator("[aria-pressed=true]", { hasText: "true scale" }).count()).toBe(1);
    expect(await width()).not.toBe(floor);
    await page.context().close();
  });
});

describe("what a run made", () => {
  test("is shown file by file, before and after", async () => {
    const { page, wrong } = await open(`&run=${runs.published}&tab=artifacts`);
    await page.locator(".diff .row.added").first().waitFor();
    expect(await page.locator(".file").allTextContents()).toEqual([
      "±MEMORY.mdmodified",
      expect.stringMatching(/^±raw_memories\.mdmodified$/),
      expect.stringMatching(/^\+rollout_summaries\/.*added$/),
    ]);
    const added = await page.locator(".diff .row.added bdi").allTextContents();
    expect(added).toContain("- keep prices in cents [Task 1]");
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test("any two generations can be laid beside each other", async () => {
    const { page } = await open(`&run=${runs.published}&tab=artifacts`);
    await page.locator(".diff .row.added").first().waitFor();
    await page.getByLabel("before").selectOption("");
    await page.locator(".file.added", { hasText: "memory_summary.md" }).waitFor();
    expect(await page.locator(".file.modified").count()).toBe(0);
    await page.context().close();
  });

  test("a run that published nothing says so", async () => {
    const { page } = await open(`&run=${runs.failed}&tab=artifacts`);
    await page.getByText("This run published nothing; the memory is as it was.").waitFor();
    await page.context().close();
  });
});

describe("the agent", () => {
  test("its status, its words and how much of its budget is used", async () => {
    const { page, wrong } = await open(`&run=${runs.published}&tab=agent`);
    await page.locator(".words .row", { hasText: "MEMORY.md · +14 −6" }).waitFor();
    expect(await page.locator(".statuses li").allTextContents()).toEqual(["pending", "running", "completed"]);
    expect(await page.getByRole("meter", { name: "turns" }).getAttribute("aria-valuetext")).toBe(
      "1 of 40 turns",
    );
    expect(await page.locator(".meter.unlimited", { hasText: "tokens" }).textContent()).toContain("no limit");
    expect(wrong).toEqual([]);
    await page.context().close();
  });
});

test("the events can be filtered by who spoke and by what was said, down to the payload", async () => {
  const { page } = await open(`&run=${runs.published}`);
  await page.locator(".chip.succeeded").waitFor();
  await page.getByRole("button", { name: "lease", exact: true }).click();
  await page.locator(".events .row b", { hasText: "lease.renewed" }).first().waitFor();
  const titles = await page.locator(".events .row b").allTextContents();
  expect(new Set(titles)).toEqual(new Set(["lease.renewed"]));
  await page.getByRole("button", { name: "lease", exact: true }).click();
  await page.getByLabel("Filter events").fill("loadmemories inputs");
  await page.locator(".events .row").first().click();
  expect(await page.locator(".payload .json").textContent()).toContain('"completionWatermark"');
  await page.context().close();
});

describe("retry and cancel", () => {
  test("retry starts a run after saying what it will do, and shows it; cancel ends it", async () => {
    await world.store.memories.upsert("shop", [session(9)]);
    const { page, wrong } = await open(`&run=${runs.failed}`);
    await page.locator("#retry-run[aria-disabled=false]").click();
    expect(await page.locator("dialog").textContent()).toContain("Starts a new run of this space at once");
    await page.getByRole("button", { name: "Start it" }).click();
    await page.locator(".chip.active", { hasText: "supervising" }).waitFor();
    expect(await page.locator(".title h1").textContent()).not.toBe(runs.failed);
    await page.locator("#cancel-run").click();
    await page.getByRole("button", { name: "Cancel it" }).click();
    await page.locator(".chip.cancelled").waitFor();
    await page.locator(".anywhere .taken", { hasText: "cancel" }).waitFor();
    expect(await page.locator(".notice").textContent()).toBe("The run is cancelled.");
    expect(wrong).toEqual([]);
    await page.context().close();
  });
});
