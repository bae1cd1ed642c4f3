import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentFunction, functionAgent } from "../../src/agents/function-agent.ts";
import type { Store } from "../../src/domain/ports.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { Engine, EngineOptions } from "../../src/engine/engine-api.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { type App, type AppOptions, createApp, type Listening, listen } from "../../src/server/app.ts";
import { killAtFirstWord } from "../process/kill.ts";

export const TOKEN = "a-token-of-the-tests";

export interface World {
  readonly home: string;
  readonly store: Store;
  /** An engine of its own for each kind of agent; all on one store, as processes would be. */
  engine(agent: AgentFunction, options?: Partial<EngineOptions>): Engine;
  /** Serves the page and the API; the address without the token. */
  serve(options?: Partial<AppOptions>, port?: number): Promise<Served>;
  /** Starts a run in a process of its own and kills that process while its agent works. Answers the run's id. */
  crash(space: string): Promise<string>;
  close(): Promise<void>;
}

export interface Served {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** The page of the sources, where a test run built it; else the one in `dist`. */
function builtPage(): { readonly page?: string } {
  const page = process.env.SLOWWAVE_TEST_PAGE;
  return page === undefined ? {} : { page };
}

/** A home with a real store, real engines and a real server; the memory is worked on by functions. */
export async function openWorld(): Promise<World> {
  const home = await mkdtemp(join(tmpdir(), "slowwave-page-"));
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  const engines: Engine[] = [];
  const served: { app: App; listening: Listening }[] = [];
  return {
    home,
    store,
    engine(agent, options = {}) {
      const engine = createEngine({
        store,
        home,
        agent: functionAgent(agent, { name: "notary" }),
        ...options,
      });
      engines.push(engine);
      return engine;
    },
    async serve(options = {}, port = 0) {
      const app = createApp({ store, token: TOKEN, ...builtPage(), ...options });
      const listening = await listen({ app, port });
      const one = { app, listening };
      served.push(one);
      return {
        url: `http://127.0.0.1:${listening.port}/`,
        port: listening.port,
        stop: async () => {
          served.splice(served.indexOf(one), 1);
          app.close();
          await listening.close();
        },
      };
    },
    async crash(space) {
      const script = fileURLToPath(new URL("crash.child.ts", import.meta.url));
      const child = spawn(process.execPath, [script, home, space], { stdio: ["ignore", "pipe", "inherit"] });
      await killAtFirstWord(child);
      const [run] = await store.runs.list({ space, limit: 1 });
      if (run === undefined) throw new Error("The process was killed before its run was stored.");
      return run.id;
    },
    async close() {
      for (const { app, listening } of served) {
        app.close();
        await listening.close();
      }
      await Promise.all(engines.map((engine) => engine.close()));
      await store.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
