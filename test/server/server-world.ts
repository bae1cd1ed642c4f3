import { onTestFinished } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { type App, type AppOptions, createApp, listen } from "../../src/server/app.ts";

export const TOKEN = "a-token-of-the-tests";

/** An app over this store, ended with the test. */
export function appOver(store: Store, options: Partial<AppOptions> = {}): App {
  const app = createApp({ store, token: TOKEN, ...options });
  onTestFinished(() => app.close());
  return app;
}

/** Asks an app as the page does. A header that is null is not sent at all. */
export function asking(app: Pick<App, "fetch">, host = "127.0.0.1:7411") {
  return async (
    path: string,
    {
      headers = {},
      ...init
    }: Omit<RequestInit, "headers"> & { headers?: Record<string, string | null> } = {},
  ) => {
    const isWrite = init.method !== undefined && init.method !== "GET";
    const sent: Record<string, string | null> = {
      host,
      authorization: `Bearer ${TOKEN}`,
      ...(isWrite ? { origin: `http://${host}` } : {}),
      ...headers,
    };
    const given = Object.entries(sent).flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
    return app.fetch(new Request(`http://${host}${path}`, { ...init, headers: Object.fromEntries(given) }));
  };
}

/** The app on a real socket; closed with the test. */
export async function served(
  app: App,
  options: { port?: number; headersMs?: number; requestMs?: number } = {},
) {
  const listening = await listen({ app, port: 0, ...options });
  onTestFinished(() => listening.close());
  return { ...listening, url: `http://127.0.0.1:${listening.port}` };
}
