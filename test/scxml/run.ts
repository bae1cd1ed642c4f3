/**
 * Runs the SCXML tests that XState passes three ways: in a plain actor, in the durable engine, and in the durable engine
 * that is closed and recovered after every event. Prints how many pass each way.
 *
 *   node test/scxml/run.ts [--list] [NAME…]
 *
 * The tests are those of `@scion-scxml/test-framework` 2.0.16 (Apache-2.0), which is fetched into a folder of its own.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AnyMachineSnapshot, type AnyStateMachine, createActor } from "xstate";
import { createDurableEngine } from "../../src/durable/engine.ts";
import type { DurableRun } from "../../src/durable/options.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { manualClock } from "../agents/manual-clock.ts";
import { machineOf } from "./read-scxml.ts";

const PACKAGE = "@scion-scxml/test-framework@2.0.16";
const GOALS = { "in a plain actor": 169, "in the engine": 169, "restarted after every event": 166 };

interface ScxmlTest {
  readonly initialConfiguration: readonly string[];
  readonly events: readonly {
    readonly after?: number;
    readonly event: { readonly name: string };
    readonly nextConfiguration: readonly string[];
  }[];
}

/** One way to run a machine: what a test does to it, and what it sees. */
interface Way {
  snapshot(): AnyMachineSnapshot;
  send(type: string): Promise<void>;
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const WAYS: Readonly<Record<keyof typeof GOALS, (machine: AnyStateMachine) => Promise<Way>>> = {
  "in a plain actor": plain,
  "in the engine": (machine) => durable(machine, false),
  "restarted after every event": (machine) => durable(machine, true),
};

const folder = fetched();
const asked = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const all = JSON.parse(readFileSync(join(import.meta.dirname, "passing.json"), "utf8")) as string[];
const names = asked.length === 0 ? all : asked;
let isShort = false;
for (const [title, open] of Object.entries(WAYS)) {
  const failures: string[] = [];
  for (const name of names) {
    const why = await failureOf(name, open);
    if (why !== null) failures.push(`${name}: ${why}`);
  }
  const passed = names.length - failures.length;
  console.log(`${title}: ${passed} of ${names.length}`);
  if (process.argv.includes("--list") || asked.length > 0)
    for (const failure of failures) console.log(`  ${failure}`);
  if (asked.length === 0 && passed < GOALS[title as keyof typeof GOALS]) isShort = true;
}
process.exit(isShort ? 1 : 0);

/** Null when it passes. */
async function failureOf(
  name: string,
  open: (machine: AnyStateMachine) => Promise<Way>,
): Promise<string | null> {
  try {
    const machine = machineOf(readFileSync(join(folder, `${name}.scxml`), "utf8"));
    const test = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as ScxmlTest;
    const way = await open(machine);
    try {
      // Machines that go on by themselves have left their first states when they are seen.
      const first = test.events.length > 0 ? null : missing(way, test.initialConfiguration);
      if (first !== null) return `at first ${first}`;
      for (const [at, { after, event, nextConfiguration }] of test.events.entries()) {
        if (after !== undefined) await way.pass(after);
        if (way.snapshot().status === "active") await way.send(event.name);
        const next = missing(way, nextConfiguration);
        if (next !== null) return `after event ${at + 1} ${next}`;
      }
      return null;
    } finally {
      await way.close();
    }
  } catch (error) {
    return String(error);
  }
}

function missing(way: Way, wanted: readonly string[]): string | null {
  const nodes = (way.snapshot() as unknown as { _nodes: readonly { id: string }[] })._nodes.map(
    ({ id }) => id,
  );
  const absent = wanted.find((id) => !nodes.includes(id.replaceAll(".", "$")));
  return absent === undefined ? null : `not in ${absent}, but in ${JSON.stringify(way.snapshot().value)}`;
}

async function plain(machine: AnyStateMachine): Promise<Way> {
  const clock = manualClock();
  const logger = () => {};
  const actor = createActor(machine, { clock: clock as never, logger });
  actor.subscribe({ error: () => {} });
  actor.start();
  await clock.advance(0);
  return {
    snapshot: () => actor.getSnapshot() as AnyMachineSnapshot,
    send: async (type) => {
      actor.send({ type });
      await clock.advance(0);
    },
    pass: (ms) => clock.advance(ms),
    close: async () => void actor.stop(),
  };
}

async function durable(machine: AnyStateMachine, isRestarted: boolean): Promise<Way> {
  const clock = manualClock();
  const world = createMemoryWorld();
  const open = () => createDurableEngine({ store: openMemoryStore({ world }), machine, clock });
  let engine = open();
  let run: DurableRun = await engine.start({ id: "run" });
  await clock.advance(0);
  const restart = async () => {
    if (!isRestarted || run.snapshot().status !== "active") return;
    await engine.close({ runs: "leave" });
    engine = open();
    run = (await engine.recover())[0] ?? run;
    await clock.advance(0);
  };
  await restart();
  return {
    snapshot: () => run.snapshot(),
    send: async (type) => {
      await run.send({ type }).catch(() => {});
      await clock.advance(0);
      await restart();
    },
    pass: (ms) => clock.advance(ms),
    close: () => engine.close({ runs: "leave" }),
  };
}

/** The folder of the package's tests; fetched once. */
function fetched(): string {
  const home = join(process.env.SCXML_TESTS ?? join(tmpdir(), "slowwave-scxml"));
  const tests = join(home, "node_modules", "@scion-scxml", "test-framework", "test");
  if (existsSync(tests)) return tests;
  mkdirSync(home, { recursive: true });
  const words = [
    "install",
    "--prefix",
    home,
    "--no-save",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    PACKAGE,
  ];
  const { status } = spawnSync("npm", words, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0 || !existsSync(tests)) throw new Error(`${PACKAGE} could not be installed.`);
  return tests;
}
