import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { scrubHandbook } from "../../src/services/generations/purge/scrub-handbook.ts";
import { tracesOf } from "../../src/services/generations/purge/traces.ts";
import { commandLine, line, temporaryFolder } from "../cli/invoke.ts";

const SECRET = {
  thread_id: "thread-of-zebra",
  source_updated_at: "2026-09-03T10:00:00Z",
  rollout_slug: "zebra_migration",
  rollout_path: "/recordings/zebra.jsonl",
  raw_memory:
    "### Task 1: Move the zebra ledger\n\nPreference signals:\n- The zebra ledger is kept in a cave near Lisbon.\n\nReusable knowledge:\n- Striped invoices need the password hint of Quixote.\n",
  rollout_summary: "# The zebra migration\n\nEvery striped invoice was carried through the tunnel by hand.\n",
};
const SENTENCES = [
  "thread-of-zebra",
  "zebra_migration",
  "/recordings/zebra.jsonl",
  "zebra ledger is kept",
  "need the password hint of Quixote",
  "carried through the tunnel",
];

/** Every place of the home, the database's own bytes included, in which one of these is found. */
function found(home: string, sentences = SENTENCES): readonly string[] {
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    return sentences
      .filter((text) => bytes.includes(text) || path.includes(text))
      .map((text) => `${path}: ${text}`);
  });
}

/** Imported with others, consolidated twice, dry-run, edited by hand, refused, and talked about. */
async function livedIn() {
  const folder = temporaryFolder();
  const at = (...lines: string[]) => commandLine({ stdin: lines.map((text) => `${text}\n`) }, folder);
  await at(line(), line(SECRET)).slowwave("import", "-");
  const here = at();
  await here.slowwave("run");
  await at(line({ ...SECRET, source_updated_at: "2026-09-04T10:00:00Z" })).slowwave("import", "-");
  await here.slowwave("run", "--dry-run");
  await here.slowwave("run");
  const handbook = join(here.home, "memories/MEMORY.md");
  writeFileSync(handbook, `${readFileSync(handbook, "utf8")}- by hand: the zebra ledger is kept safe\n`);
  const rejected = join(here.home, "rejected/some-run/workspace/MEMORY.md");
  mkdirSync(dirname(rejected), { recursive: true });
  writeFileSync(rejected, "The zebra ledger is kept in a cave near Lisbon.\n");
  const store = await openSqliteStore({ path: join(here.home, "slowwave.db") });
  const [run] = await store.runs.list({ limit: 1 });
  const text = "Reading thread-of-zebra.\nThe zebra ledger is kept in a cave near Lisbon.";
  await store.runs.note(run?.id ?? "", { atMs: 1, type: "agent.message", data: { text } });
  await store.close();
  return { ...here, handbook };
}

test("a purged thread is in no file of the home any more: no id, no name, no sentence", async () => {
  const { home, json, handbook, slowwave } = await livedIn();
  expect(found(home).length).toBeGreaterThan(SENTENCES.length);
  const { code, value } = await json("purge", "thread-of-zebra", "--yes");
  expect(code).toBe(0);
  expect(value).toMatchObject({
    outcome: "succeeded",
    spaces: [
      { space: "global", inputs: 2, drafts: 1, folders: 1, generation: expect.stringMatching(/-purged$/) },
    ],
  });
  expect(found(home)).toEqual([]);
  // What others said is still there, and the job is dirty: the next run writes the memory anew.
  expect(readFileSync(handbook, "utf8")).toContain("The build needs Node 22.");
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  const row = await store.jobs.read("global");
  expect(row?.status).toBe("pending");
  expect(row?.input_watermark ?? 0).toBeGreaterThan(row?.last_success_watermark ?? 0);
  await store.close();
  expect((await slowwave("run")).code).toBe(0);
  expect(found(home)).toEqual([]);
}, 60_000);

test("without a yes nothing goes", async () => {
  const folder = temporaryFolder();
  await commandLine({ stdin: [`${line(SECRET)}\n`] }, folder).slowwave("import", "-");
  const refused = await commandLine({ stdin: ["no\n"] }, folder).slowwave("purge", "thread-of-zebra");
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("Nothing was removed");
  const { home, json } = commandLine({}, folder);
  expect(await json("purge", "thread-of-zebra")).toMatchObject({
    value: { error: { code: "not_confirmed" } },
  });
  expect(found(home)).not.toEqual([]);
  const agreed = await commandLine({ stdin: ["yes\n"] }, folder).slowwave("purge", "thread-of-zebra");
  expect(agreed.code).toBe(0);
  expect(found(home)).toEqual([]);
});

test("a purge that was killed half way is brought to its end by the next one", async () => {
  const { home, json } = await livedIn();
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  // Killed right after the claim, with one generation done.
  await store.jobs.enqueue("global", 0);
  const claim = {
    space: "global",
    worker: "dead",
    token: "left",
    leaseSeconds: 120,
    retries: 3,
    force: true,
  };
  const claimed = await store.jobs.claim({
    ...claim,
    successCooldownSeconds: 0,
    nowMs: Date.now(),
    remember: true,
  });
  const lease = { space: "global", token: "left", fence: claimed.kind === "claimed" ? claimed.fence : 0 };
  const oldest = (await store.generations.list("global", 9)).at(-1)?.id ?? "";
  const nowMs = Date.now();
  await store.generations.rewrite({ lease, generation: oldest, manifest: [], blobs: new Map(), nowMs });
  await store.close();
  expect((await json("purge", "thread-of-zebra", "--yes")).code).toBe(0);
  expect(found(home)).toEqual([]);
}, 60_000);

test("events and snapshots of a whole run never hold a thread's id", async () => {
  const folder = temporaryFolder();
  const { home, slowwave } = commandLine({ stdin: [`${line()}\n`, `${line(SECRET)}\n`] }, folder);
  await slowwave("import", "-");
  await slowwave("run");
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  const [run] = await store.runs.list({ limit: 1 });
  const steps = (await store.runs.log({ after: 0, limit: 10_000 })).filter(
    ({ sequence }) => sequence !== null,
  );
  expect(steps.length).toBeGreaterThan(10);
  const kept = [run?.snapshot ?? "", ...steps.map(({ data }) => data)].join("\n");
  expect(["thread-1", "thread-of-zebra"].filter((id) => kept.includes(id))).toEqual([]);
  await store.close();
});

test("a handbook loses the tasks that cite the thread; one in which it can't be told apart is given up", () => {
  const output = {
    threadId: "t-9",
    sourceUpdatedAt: 1_774_000_000,
    generatedAt: 1_774_000_000,
    rawMemory: "- only this one says that",
    rolloutSummary: "",
    rolloutSlug: null,
    rolloutPath: "",
    cwd: "",
    gitBranch: null,
  };
  const traces = tracesOf("t-9", [output], []);
  const group = (...tasks: string[]) =>
    ["# Task Group: a", "", ...tasks, "## User preferences", "- short"].join("\n");
  const one = "## Task 1: mine\n- x (thread_id=t-9)\n";
  const two = "## Task 2: theirs\n- y (thread_id=t-91)\n";
  expect(scrubHandbook(group(one, two), traces)).toBe(group(two));
  expect(scrubHandbook(group(one), traces)).toBe("");
  expect(scrubHandbook(`${group(two)}\n- Only this one says that. [Task 1]`, traces)).toBe(group(two));
  expect(scrubHandbook(`${group(two)}\n- learned in t-9`, traces)).toBeNull();
});
