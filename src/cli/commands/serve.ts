import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { causeOf, codeOf, SlowwaveError } from "../../domain/failure.ts";
import type { Store } from "../../domain/ports.ts";
import { createControls, type Engine } from "../../internal/engine.ts";
import { createWorker, type Worker } from "../../internal/fleet.ts";
import type { Learner } from "../../internal/learning.ts";
import { scheduleNotices } from "../../internal/schedule.ts";
import { createApp, type Listening, listen } from "../../server/app.ts";
import { pageFolder } from "../../server/page.ts";
import { hasLearned, learnDue, learnerOn } from "../learning.ts";
import { runLines, withEngine } from "../run-with-engine.ts";
import { type Choices, choicesFrom, type FlagValues } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Shell, wholeNumber } from "../shell.ts";
import { memoryRoots } from "../store.ts";
import { counted, dim, durationMs, yellow } from "../ui/text.ts";
import { packageVersion } from "../version.ts";

interface ServeOptions {
  readonly port?: number;
  readonly every?: number;
  readonly concurrency?: number;
  readonly agent?: string;
  readonly model?: string;
}

export function addServe(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("serve")
    .summary("the visualizer, and an HTTP API, on 127.0.0.1")
    .description("Serves the visualizer and the HTTP API on 127.0.0.1, and prints the address to open.")
    .addOption(
      new Option("--port <n>", "port to listen on; 0: any (default: 7411, or any)").argParser(portOf),
    )
    .addOption(
      new Option(
        "--every <duration>",
        "learn and run what is due, now and then as often, e.g. 10m",
      ).argParser((text) => durationMs(text, "--every")),
    )
    .addOption(
      new Option("--concurrency <n>", "with --every: runs at work at once (default: 2)").argParser(
        wholeNumber("--concurrency"),
      ),
    )
    .option("--agent <name>", "which agent works in runs started here (default: extractive)")
    .option("--model <model>", "the agent's model")
    .addHelpText("after", examples("slowwave serve", "slowwave serve --port 8080 --every 15m"))
    .action(({ port, every, concurrency, agent, model }: ServeOptions, command: Command) =>
      end(
        serve(invocation(shell, command), {
          values: {
            ...(agent === undefined ? {} : { agent: { flag: "--agent", text: agent } }),
            ...(model === undefined ? {} : { model: { flag: "--model", text: model } }),
          },
          port: port ?? null,
          everyMs: every ?? null,
          concurrency: concurrency ?? null,
        }),
      ),
    );
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new SlowwaveError("invalid_usage", `--port needs a number from 0 to 65535, not "${text}".`);
}

export interface ServeFlags {
  readonly values: FlagValues;
  /** Null: the usual one, or any other that is free. */
  readonly port: number | null;
  /** Null: runs are only started by hand. */
  readonly everyMs: number | null;
  /** Null: the usual number. */
  readonly concurrency: number | null;
}

const USUAL_PORT = 7411;

/** `slowwave serve`: until a signal ends it; returns the exit code. */
export async function serve(at: Invocation, flags: ServeFlags): Promise<number> {
  const { places, output, json } = at;
  const choices = choicesFrom(flags.values, at.world.env, places.configFile);
  return withEngine(at, choices, async (engine, store) => {
    const ended = closing(engine);
    const token = await serveToken(places.home);
    const memoryRoot = memoryRoots(places);
    const maintenance = createControls({ store, home: places.home, memoryRoot });
    const failed = (space: string | null, error: unknown) => output.info(yellow(complaint(space, error)));
    const { learner } = learnerOn(at, store, { extractor: "rules", settings: {} });
    const worker = roundsOf(at, { engine, store, learner, choices, flags, failed });
    const app = createApp({
      store,
      // What is asked for by name has no place of its own: it is begun within the limit, or refused at once.
      engine: worker === null ? engine : { ...engine, start: (request = {}) => worker.run(request) },
      maintenance,
      token,
      notices: () => scheduleNotices(places.home),
      settings: choices.settings,
    });
    const listening = await listenOn(app, flags.port);
    const subscription = engine.events$.subscribe((event) => output.info(...runLines(event)));
    try {
      if (worker === null) await engine.recover().catch((error: unknown) => failed(null, error));
      else await worker.start();
      const address = `http://127.0.0.1:${listening.port}/`;
      if (json) output.printJson({ url: `${address}#token=${token}`, port: listening.port, token });
      else output.print(`${address}#token=${token}`);
      if (pageFolder() === null)
        output.info(yellow("The page is not built (`npm run build`); the API answers."));
      await ended;
    } finally {
      worker?.stop();
      await learner.close();
      subscription.unsubscribe();
      app.close();
      await listening.close();
    }
    // The signal's own code takes its place.
    return EXIT.failed;
  });
}

/** Runs at work at once where nothing else is said; each has an agent of its own. */
const USUAL_CONCURRENCY = 2;

/** The worker that learns and runs what is due in rounds; null when runs are only started by hand. */
function roundsOf(
  { places, output }: Invocation,
  on: {
    readonly engine: Engine;
    readonly store: Store;
    readonly learner: Learner;
    readonly choices: Choices;
    readonly flags: ServeFlags;
    readonly failed: (space: string | null, error: unknown) => void;
  },
): Worker | null {
  const { engine, store, learner, choices, failed } = on;
  const { everyMs, concurrency } = on.flags;
  if (everyMs === null) return null;
  const before = async () => {
    if (!(await hasLearned(store, places.space))) return;
    const count = await learnDue(learner, places.space);
    if (count > 0) output.info(dim(`${counted(count, "session")} learned`));
  };
  return createWorker({
    engine,
    store,
    concurrency: concurrency ?? USUAL_CONCURRENCY,
    settings: choices.settings,
    rounds: { everyMs, before },
    version: packageVersion(),
    onProblem: failed,
  });
}

/** Resolves when the engine is closed, which is what a signal does first. */
function closing(engine: Engine): Promise<void> {
  return new Promise((resolve) => {
    engine.events$.subscribe({ complete: resolve });
  });
}

async function listenOn(app: Parameters<typeof listen>[0]["app"], port: number | null): Promise<Listening> {
  if (port !== null) return listen({ app, port });
  return listen({ app, port: USUAL_PORT }).catch((error: unknown) => {
    if (codeOf(error) === "port_taken") return listen({ app, port: 0 });
    throw error;
  });
}

function complaint(space: string | null, error: unknown): string {
  return `${space === null ? "The schedule" : `Space ${space}`} could not go on: ${causeOf(error)}`;
}

/**
 * The token of this home's server. Kept in the home, readable by its owner alone like the database beside it, so that
 * an open page goes on after the server was started again. Removing the file makes a new one.
 */
export async function serveToken(home: string): Promise<string> {
  const file = join(home, "serve-token");
  try {
    // Of several servers that start together the first one's stays.
    await writeFile(file, `${randomBytes(32).toString("base64url")}\n`, { flag: "wx", mode: 0o600 }).catch(
      (error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      },
    );
    const token = (await readFile(file, "utf8")).trim();
    if (/^[\w-]{43}$/.test(token)) return token;
  } catch (error) {
    throw new SlowwaveError("home_unavailable", `The file ${file} cannot be read or written.`, {
      cause: error,
    });
  }
  throw new SlowwaveError(
    "home_damaged",
    `The file ${file} holds no token; remove it, and a new one is made.`,
  );
}
