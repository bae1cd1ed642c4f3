import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Journal } from "../../src/domain/generation.ts";
import { reconcileRoot } from "../../src/memory-files/reconcile-root.ts";
import { publishMemory } from "../../src/services/publish-memory.ts";
import { type CrashState, crashStates } from "../publish/crash-states.ts";
import { type Careless, recordedFiles } from "../publish/recorded-files.ts";
import { answerOf, change, desk, HANDBOOK, memory, SPACE, tree } from "../workspace/bench.ts";

/** Says which generation the folder holds; no reader of the memory follows it. */
const MARK = ".slowwave";

type Texts = Readonly<Record<string, string>>;

const ONE = {
  ...HANDBOOK,
  "skills/old/SKILL.md": "an old skill\n",
  "skills/kept/SKILL.md": "a skill\n",
  "skills/swap/a": "a file\n",
};
const TWO = {
  "MEMORY.md": "# Task Group: second\n",
  "memory_summary.md": "v1\n\n## User Profile\n- second\n",
  "skills/old": null,
  "skills/kept/SKILL.md": "a skill, mended\n",
  "skills/swap/a": null,
  "skills/swap/a/x": "below what was a file\n",
  "skills/new/deep/file.md": "new\n",
};

/** One publish over an existing generation, with all that it did and all that a power cut may make of it. */
async function recordedPublish(careless?: Careless) {
  const d = await desk();
  await (await d.begin("r1", [memory("a"), memory("b"), memory("c")])).complete(ONE);
  const before = await everything(d.root);
  const changed = memory("b", { rolloutSummary: "another summary of b" });
  const run = await d.begin("r2", [changed, memory("c"), memory("d"), memory("e")]);
  const base = await run.sync();
  await run.agent(TWO);
  expect(await run.verify(base)).toMatchObject({ verdict: "passed" });
  const mark = (before[MARK] ?? "").replace("r1-published", "r2-published");
  const after = { ...(await tree(run.workspace)), [MARK]: mark };
  const files = recordedFiles(d.root, careless);
  const journals: Journal[] = [];
  const generations: typeof d.store.generations = {
    ...d.store.generations,
    commit: async (request) => {
      const settled = await d.store.generations.commit(request);
      if (request.journal !== null) journals.push(request.journal);
      files.deeds.push({ do: "commit" });
      return settled;
    },
    closeJournal: async (id) => {
      await d.store.generations.closeJournal(id);
      files.deeds.push({ do: "close" });
    },
  };
  const deps = { ...run.deps, files, store: { ...d.store, generations } };
  await answerOf(publishMemory(deps), { run: "r2", space: SPACE, base });
  expect(await everything(d.root)).toEqual(after);
  const [journal] = journals;
  if (journal === undefined) throw new Error("Nothing was published.");
  const states = crashStates(before, files.deeds);
  return { before, after, states, deeds: files.deeds, recover };

  /** The disk as the cut left it, and the next run's first step on it. */
  async function recover(state: CrashState) {
    const root = join(d.home, "cut");
    await rm(root, { recursive: true, force: true });
    await change(root, state.files);
    let open = state.journal === "open" && journal !== undefined ? { ...journal, root } : null;
    const generations: typeof d.store.generations = {
      ...d.store.generations,
      openJournal: async () => open,
      closeJournal: async () => {
        open = null;
      },
    };
    const again = { ...run.deps, store: { ...d.store, generations } };
    const lease = run.deps.holder.lease();
    const settled = await reconcileRoot(again, { run: "r3", space: SPACE, root, lease });
    const edits = settled === "lost" ? settled : settled.kept;
    return { root: await everything(root), edits, isOpen: open !== null };
  }
}

/** Every file with its text, also our own. */
async function everything(root: string): Promise<Texts> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = files.map(async (path) => [path.slice(root.length + 1), await readFile(path, "utf8")]);
  return Object.fromEntries((await Promise.all(texts)).sort());
}

const isTemporary = (path: string) => /(^|\/)\.slowwave-[^/]*$/.test(path);

/** What a reader may open and find neither as it was nor as it will be. */
function torn({ files }: CrashState, before: Texts, after: Texts): readonly string[] {
  const paths = Object.keys(files).filter((path) => !isTemporary(path));
  return paths.filter((path) => files[path] !== before[path] && files[path] !== after[path]);
}

const ORDER = ["rollout_summaries", "skills", "raw_memories.md", "MEMORY.md", "memory_summary.md"];
const placeOf = (path: string) => ORDER.indexOf(path.split("/", 1)[0] ?? "");

/** New files that are there although something they may refer to isn't yet. */
function early({ files }: CrashState, before: Texts, after: Texts): readonly string[] {
  const changed = Object.keys(after).filter((path) => path !== MARK && after[path] !== before[path]);
  const awaited = changed.filter((path) => files[path] !== after[path]).map(placeOf);
  const first = Math.min(...awaited);
  return changed.filter((path) => files[path] === after[path] && placeOf(path) > first);
}

/** That a root holds exactly these files. */
const isWhole = (files: Texts, wanted: Texts) =>
  JSON.stringify(Object.entries(files).sort()) === JSON.stringify(Object.entries(wanted).sort());

test("whatever a power cut leaves, no file is torn, no reference leads nowhere, and the next run finds or makes it whole", async () => {
  const { before, after, states, deeds, recover } = await recordedPublish();
  expect(deeds[0]).toEqual({ do: "commit" });
  expect(deeds.at(-1)).toEqual({ do: "close" });
  const untouched = states.filter(({ journal }) => journal === "not-yet");
  expect(untouched).toEqual([{ files: before, after: 0, journal: "not-yet" }]);
  // After the end only one state is left: all of it had reached the disk.
  const ended = states.filter(({ journal }) => journal === "closed");
  expect(ended).toEqual([{ files: after, after: deeds.length, journal: "closed" }]);
  // Enough was at stake: half-written files and lost names, by the dozen.
  expect(states.length).toBeGreaterThan(60);
  for (const state of states) {
    expect(torn(state, before, after), `torn after deed ${state.after}`).toEqual([]);
    expect(early(state, before, after), `early after deed ${state.after}`).toEqual([]);
    if (state.journal === "not-yet") continue;
    const told = `after deed ${state.after}: ${JSON.stringify(Object.keys(state.files))}`;
    expect(await recover(state), told).toEqual({ root: after, edits: null, isOpen: false });
  }
}, 60_000);

test("it would notice a publish that doesn't wait for bytes: torn files, which nothing mends", async () => {
  const { before, after, states, recover } = await recordedPublish("bytes");
  const bad = states.filter((state) => torn(state, before, after).length > 0);
  expect(bad.length).toBeGreaterThan(0);
  const open = bad.find(({ journal }) => journal === "open");
  if (open === undefined) throw new Error("No torn state while the journal was open.");
  const found = await recover(open);
  expect(isWhole(found.root, after)).toBe(false);
  expect(found.edits).toMatchObject({ kind: "edited" });
});

test("it would notice a publish that doesn't wait for names: lost ones after the end, and references ahead of what they name", async () => {
  const { before, after, states } = await recordedPublish("names");
  const lost = states.filter(({ files, journal }) => journal === "closed" && !isWhole(files, after));
  expect(lost.length).toBeGreaterThan(0);
  expect(states.filter((state) => early(state, before, after).length > 0).length).toBeGreaterThan(0);
  expect(states.filter((state) => torn(state, before, after).length > 0)).toEqual([]);
});
