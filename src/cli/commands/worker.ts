import { type Command, Option } from "commander";
import { causeOf, codeOf, SlowwaveError } from "../../domain/failure.ts";
import { createEngine } from "../../internal/engine.ts";
import { createWorker, pgBossDispatcher } from "../../internal/fleet.ts";
import { serveHealth } from "../../server/health.ts";
import { abortable, workingAgent } from "../agents.ts";
import { interruptible, runLines } from "../run-with-engine.ts";
import { choicesFrom, type FlagValues } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Shell, wholeNumber } from "../shell.ts";
import { memoryRoots, openStore, storeName } from "../store.ts";
import { counted, durationMs, yellow } from "../ui/text.ts";
import { packageVersion } from "../version.ts";
import { exitCodeOfSignal } from "../world.ts";

interface WorkerFlags {
  readonly concurrency?: number;
  readonly tenantLimit?: number;
  readonly fleetLimit?: number;
  readonly tenantOf?: string;
  readonly health?: Address;
  readonly drain?: number;
  readonly carrier?: "pg-boss" | "none";
  readonly name?: string;
  readonly agent?: string;
  readonly model?: string;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

export function addWorker(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  const count = (flags: string, description: string) =>
    new Option(flags, description).argParser(wholeNumber(flags.split(" ")[0] ?? ""));
  program
    .command("worker")
    .summary("work on every space that is due, together with other workers")
    .description(
      "Runs every space that is due, in all tenants, until it is stopped; takes over what dead workers left. Any number of " +
        "workers on any number of machines share one database (--store), and the limits hold for all of them together.",
    )
    .addOption(count("--concurrency <n>", "runs at work here at once (default: 8)"))
    .addOption(
      count("--tenant-limit <n>", "spaces of one tenant at work at once, in all workers (default: any)"),
    )
    .addOption(count("--fleet-limit <n>", "spaces at work at once, in all workers (default: any)"))
    .option(
      "--tenant-of <rule>",
      "how a space key names its tenant, the same for all workers (default: prefix:/)",
    )
    .addOption(
      new Option("--health <address>", "answer how it is, e.g. :7412 (on 127.0.0.1)").argParser(addressOf),
    )
    .addOption(
      new Option(
        "--drain <duration>",
        "at its end, wait so long for agents at work (default: 10m)",
      ).argParser((text) => durationMs(text, "--drain")),
    )
    .addOption(
      new Option(
        "--carrier <name>",
        "what brings spaces to workers (default: pg-boss where it is installed)",
      ).choices(["pg-boss", "none"]),
    )
    .option("--name <name>", "what `slowwave fleet` calls it (default: host and process)")
    .option("--agent <name>", "which agent works (default: extractive)")
    .option("--model <model>", "the agent's model")
    .addHelpText(
      "after",
      examples(
        "SLOWWAVE_STORE=postgres://slowwave:SECRET@db.example/memory slowwave worker",
        "slowwave worker --concurrency 8 --tenant-limit 6 --fleet-limit 400 --health :7412",
      ),
    )
    .action((flags: WorkerFlags, command: Command) => end(work(invocation(shell, command), flags)));
}

function addressOf(text: string): Address {
  const { host = "", port = "" } =
    /^(?:(?<host>[\w.-]+|\[[\da-f:]+\]))?:(?<port>\d{1,5})$/i.exec(text)?.groups ?? {};
  if (port !== "" && Number(port) <= 65_535) {
    return { host: host === "" ? "127.0.0.1" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
  }
  throw new SlowwaveError("invalid_usage", `--health needs :PORT or HOST:PORT, not "${text}".`);
}

/** `slowwave worker`: until a signal ends it; returns the exit code, which is the signal's. */
async function work(at: Invocation, flags: WorkerFlags): Promise<number> {
  const { places, world, output, json } = at;
  const { settings, agent, ...how } = choicesFrom(valuesOf(flags), world.env, places.configFile);
  const { runner, abortAll } = abortable(workingAgent(world, agent, how));
  const store = await openStore(places, output);
  // Nobody reads a folder of a machine that may be gone tomorrow: on PostgreSQL `slowwave checkout` has the memory.
  const memoryRoot = memoryRoots(places);
  const engine = createEngine({ ...settings, store, agent: runner, home: places.home, memoryRoot });
  const dispatcher = await dispatcherOf(at, flags.carrier);
  const worker = createWorker({
    engine,
    store,
    ...(dispatcher === null ? {} : { dispatcher }),
    settings,
    version: packageVersion(),
    limits: { tenant: flags.tenantLimit ?? null, fleet: flags.fleetLimit ?? null },
    onProblem: (space, error) => output.info(yellow(complaint(space, error))),
    onBack: () => output.info("The store is back; the worker goes on."),
    ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
    ...(flags.tenantOf === undefined ? {} : { tenantOf: flags.tenantOf }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
  });
  const drained = Promise.withResolvers<void>();
  const interrupt = interruptible(world, {
    ask: () => {
      output.info(yellow(draining(worker.status().running)));
      worker
        .drain(flags.drain === undefined ? {} : { graceMs: flags.drain })
        .then(drained.resolve, drained.reject);
    },
    force: abortAll,
  });
  const isHealthy = () => ["new", "working", "draining"].includes(worker.status().state);
  const subscription = engine.events$.subscribe((event) => output.info(...runLines(event)));
  let health: Awaited<ReturnType<typeof serveHealth>> | null = null;
  try {
    if (flags.health !== undefined)
      health = await serveHealth({ ...flags.health, status: () => worker.status(), isHealthy });
    await worker.start();
    const { worker: id, name, concurrency } = worker.status();
    const where = storeName(places);
    if (json) output.printJson({ worker: id, name, concurrency, store: where, health: health?.port ?? null });
    else output.print(`${name} works on ${where}, ${counted(concurrency, "run")} at once`);
    await drained.promise;
    return interrupt.signal === null ? EXIT.ok : exitCodeOfSignal(interrupt.signal);
  } finally {
    subscription.unsubscribe();
    worker.stop();
    await engine.close();
    await health?.close();
    await store.close();
    interrupt.release();
  }
}

/** pg-boss where it is installed and everything is in its database; null: the worker looks by itself. */
async function dispatcherOf({ places, output }: Invocation, carrier: WorkerFlags["carrier"]) {
  if (carrier === "none" || (places.store === null && carrier === undefined)) return null;
  if (places.store === null) {
    throw new SlowwaveError(
      "invalid_usage",
      "--carrier pg-boss needs a database; name it by --store or SLOWWAVE_STORE.",
    );
  }
  let lastCause = "";
  /** It asks again and again while the database is away, and complains each time. */
  const onError = (error: Error) => {
    const cause = causeOf(error);
    if (cause !== lastCause) output.info(yellow(`pg-boss: ${cause}`));
    lastCause = cause;
  };
  return pgBossDispatcher({ url: places.store, onError }).catch((error: unknown) => {
    if (carrier === undefined && codeOf(error) === "pg_boss_missing") return null;
    throw error;
  });
}

function valuesOf({ agent, model }: WorkerFlags): FlagValues {
  return {
    ...(agent === undefined ? {} : { agent: { flag: "--agent", text: agent } }),
    ...(model === undefined ? {} : { model: { flag: "--model", text: model } }),
  };
}

function draining(running: number): string {
  if (running === 0) return "Ending.";
  return `Ending: nothing more is begun, ${counted(running, "run")} at work; once more ends the agents and leaves at once.`;
}

function complaint(space: string | null, error: unknown): string {
  return `${space === null ? "The worker" : `Space ${space}`} could not go on: ${causeOf(error)}`;
}
