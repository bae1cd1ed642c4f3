import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AgentTask } from "../../src/agents/function-agent.ts";
import type { RunEvent, RunResult } from "../../src/domain/event.ts";
import type { Stage1Output } from "../../src/domain/memory.ts";
import type { GateSettings } from "../../src/domain/settings.ts";
import { phase2World, session, treeOf } from "../engine/phase2-world.ts";

/** A good staging, in the hands of somebody who damages it. */
export interface Place {
  readonly at: string;
  /** Names in rollout_summaries/, sorted. */
  readonly summaries: readonly string[];
  /** 1 for the first turn. */
  readonly turn: number;
  write(path: string, content: string | Uint8Array): Promise<void>;
  edit(path: string, change: (text: string) => string): Promise<void>;
}

export type Damage = (place: Place) => unknown;

const FACTS = [
  "prices are integers of cents, never floats of euros",
  "the basket service listens on the loopback device alone",
  "migrations run before the first request is accepted",
  "coupons expire at midnight of the customer's own time zone",
  "invoices are numbered without gaps by the ledger",
  "the search index is rebuilt every night at three",
  "pictures are served from the content network with a hash in their names",
  "sessions of guests last thirty minutes without a click",
  "stock is reserved for ten minutes when checkout begins",
  "refunds need the number of the original payment",
  "shipping zones live in a table of their own",
  "taxes are computed for each line and rounded once",
];
const HABITS = [
  "short commit messages in the present tense",
  "tests before refactoring, never after it",
  "one pull request for one concern",
  "no new dependency without a word about its licence",
  "tables sorted by name wherever order has no meaning",
  "error texts that say what to do next",
  "German umlauts are fine in strings and not in identifiers",
  "figures with their unit, always",
];

/** Two groups with twenty statements, every session cited, an index that leads to both, and a skill with a script. */
export async function goodMemory(at: string): Promise<void> {
  const names = (await readdir(join(at, "rollout_summaries"))).sort();
  const citations = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(at, "rollout_summaries", name), "utf8");
      return `- rollout_summaries/${name} (cwd=/home/dev/shop, thread_id=${/^thread_id: (.*)$/m.exec(text)?.[1]})`;
    }),
  );
  const group = (name: string, statements: readonly string[]) => [
    `# Task Group: ${name}`,
    `scope: work on the ${name}`,
    "applies_to: cwd=/home/dev/shop; reuse_rule=safe in this checkout",
    "",
    "## Task 1: whatever was done",
    "### rollout_summary_files",
    ...citations,
    "### keywords",
    `- ${name}, ${name} work`,
    "",
    "## Reusable knowledge",
    ...statements.map((statement) => `- ${statement} [Task 1]`),
    "",
  ];
  const files = {
    "MEMORY.md": [...group("checkout", FACTS), ...group("manners", HABITS)].join("\n"),
    "memory_summary.md":
      "v1\n\n## What's in Memory\n- checkout work: prices, stock\n- manners: commits, tests\n",
    "skills/release/SKILL.md":
      "---\nname: release\ndescription: How a release is made.\n---\n\n1. Run `scripts/check.sh`.\n",
    "skills/release/scripts/check.sh": "#!/bin/sh\nset -eu\nnpm test\n",
  };
  for (const [path, content] of Object.entries(files)) await write(at, path, content);
}

/** A space whose memory is good, and a second session to fold in. `attack` lets an agent do its worst with it. */
export async function besieged(gate: GateSettings = {}) {
  const { home, root, open } = await phase2World();
  const prompts: string[] = [];
  let damage: Damage = () => {};
  const { store, engine, told } = open(
    async (task: AgentTask) => {
      prompts.push(task.prompt);
      const at = task.workspace;
      await goodMemory(at);
      const summaries = (await readdir(join(at, "rollout_summaries"))).sort();
      await damage({
        at,
        summaries,
        turn: task.turn,
        write: (path, content) => write(at, path, content),
        edit: async (path, change) => write(at, path, change(await readFile(join(at, path), "utf8"))),
      });
    },
    { gate },
  );
  await store.memories.upsert("global", [session(1)]);
  const first = await (await engine.start()).result;
  if (first.status !== "succeeded") throw new Error(`${first.status}: ${first.reason?.cause}`);
  const base = await treeOf(root);
  let sessions = 1;
  return {
    home,
    root,
    store,
    told: told as readonly RunEvent[],
    prompts,
    base,
    first,
    async attack(by: Damage, inputs: readonly Partial<Stage1Output>[] = [{}]): Promise<RunResult> {
      damage = by;
      const fresh = inputs.map((input) => {
        sessions += 1;
        return session(sessions, input);
      });
      await store.memories.upsert("global", fresh);
      return (await engine.start({ now: true })).result;
    },
    tree: () => treeOf(root),
  };
}

async function write(at: string, path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(at, path)), { recursive: true });
  await writeFile(join(at, path), content);
}
