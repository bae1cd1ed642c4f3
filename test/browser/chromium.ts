import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser of its own, with an empty profile. Nothing is downloaded: where there is none, it says how to get one. */
export async function openChromium(): Promise<{ readonly browser: Browser; close(): Promise<void> }> {
  const executablePath = process.env.SLOWWAVE_CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new Error(
      "NOT RUN: there is no Chromium here. Install it (`apt-get install chromium`), or name one in SLOWWAVE_CHROMIUM.",
    );
  }
  const home = await mkdtemp(join(tmpdir(), "slowwave-chromium-"));
  const browser = await chromium.launch({ executablePath, args: FLAGS, env: { ...process.env, HOME: home } });
  return {
    browser,
    close: async () => {
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A page with what went wrong on it: errors, refused policies, requests to anywhere but its own server. */
export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly wrong: string[];
}

export interface Look {
  readonly scheme?: "dark" | "light";
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: "reduce" | "no-preference";
}

export async function openPage(browser: Browser, url: string, look: Look = {}): Promise<Watched> {
  const { scheme = "dark", width = 1600, height = 900, reducedMotion = "no-preference" } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion,
    permissions: ["clipboard-read", "clipboard-write"],
    acceptDownloads: true,
  });
  return { ...(await openTab(context, url)), context };
}

export async function openTab(context: BrowserContext, url: string): Promise<Omit<Watched, "context">> {
  const page = await context.newPage();
  const wrong: string[] = [];
  const own = new URL(url).origin;
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) wrong.push(`policy: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== own && protocol !== "data:" && protocol !== "blob:")
      wrong.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, wrong };
}
