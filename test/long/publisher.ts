import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createActor, type PromiseActorLogic, toPromise } from "xstate";
import type { Lease } from "../../src/domain/job.ts";
import type { Stage1Output } from "../../src/domain/memory.ts";
import { systemClock, systemIds } from "../../src/durable/system.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { publishMemory, verifyArtifacts } from "../../src/services/publish-memory.ts";
import { syncRawMemories, syncSummaries } from "../../src/services/sync-inputs.ts";

/**
 * Publishes one generation after another until it is killed, saying the number of each that is done. Arguments: home,
 * how many, lines of a file. What a killed one left is first brought to its end: by the same run if it was about to
 * publish, else by the next one; then the root must be whole, or this process fails.
 */
const [home = "", count = "1000000", lines = "4000"] = process.argv.slice(2);
const SPACE = "global";
const root = join(home, "memories");
const store = await openSqliteStore({ path: join(home, "slowwave.db") });
const ids = systemIds();

await resume();
for (let done = 0; done < Number(count); done += 1) {
  const run = ids.run();
  const at = benchOf(run, await claimed(run));
  const { base } = await answer(syncSummaries(at.deps), at.input);
  await assertWhole();
  const n = (await newest()) + 1;
  await store.memories.recordInputs(run, inputsOf(n));
  await answer(syncSummaries(at.deps), at.input);
  await answer(syncRawMemories(at.deps), { ...at.input, base });
  for (const [path, text] of Object.entries(generation(n))) {
    await rm(join(at.workspace, path), { recursive: true, force: true });
    if (text === null) continue;
    await mkdir(dirname(join(at.workspace, path)), { recursive: true });
    await writeFile(join(at.workspace, path), text);
  }
  const { verdict, codes } = await answer(verifyArtifacts(at.deps), { ...at.input, base, repairsLeft: 0 });
  if (verdict !== "passed") throw new Error(codes.join());
  await writeFile(join(at.runFolder, "base"), base ?? "");
  await publish(at, base);
}
await store.close();

type At = ReturnType<typeof benchOf>;

function benchOf(run: string, lease: Lease) {
  const runFolder = join(home, "staging", run);
  const workspace = join(runFolder, "workspace");
  const places = { runFolder, workspace, rejected: join(home, "rejected"), root };
  // The form of what it writes is not what is tried here.
  const gate = {
    skill_form: "off",
    skill_removed: "off",
    repeated_text: "off",
    no_task_group: "off",
  } as const;
  const holder = { run, space: SPACE, lease: () => lease, setLease: () => {}, recordEvent: () => {} };
  const deps = {
    store,
    holder,
    places,
    worker: run,
    homeId: "home",
    clock: systemClock,
    ids,
    files: nodeFiles(),
    gate,
  };
  return { deps, lease, runFolder, workspace, input: { run, space: SPACE } };
}

async function publish({ deps, lease, runFolder, input }: At, base: string | null): Promise<void> {
  const published = await answer(publishMemory(deps), { ...input, base });
  if (published.kind === "lost") throw new Error("lost");
  await store.jobs.succeed({ lease, watermark: 0, nowMs: systemClock.nowMs() });
  await rm(runFolder, { recursive: true, force: true });
  await assertWhole();
  writeSync(1, `${await newest()}\n`);
}

/** A run that was about to publish is continued, as the engine would: its last intent is executed again. */
async function resume(): Promise<void> {
  const row = await store.jobs.read(SPACE);
  if (row?.status !== "running" || row.ownership_token === null) return;
  const times = { worker: "w", leaseSeconds: 3600, nowMs: systemClock.nowMs() };
  const lease = await store.jobs.takeOver({ space: SPACE, token: row.ownership_token, ...times });
  if (lease === null) throw new Error("The job of a dead process could not be taken over.");
  const at = benchOf(row.ownership_token, lease);
  const base = await readFile(join(at.runFolder, "base"), "utf8").catch(() => null);
  // Every other one is given up instead, and what it left is for whoever comes next.
  const isKept =
    base !== null && createHash("sha256").update(row.ownership_token).digest().readUInt8() % 2 === 0;
  if (isKept) await publish(at, base === "" ? null : base);
  else await store.jobs.release({ lease, reason: "cancelled", nowMs: times.nowMs });
}

async function claimed(token: string): Promise<Lease> {
  await store.jobs.enqueue(SPACE, 1);
  const times = { worker: "w", leaseSeconds: 3600, nowMs: systemClock.nowMs() };
  const asked = { space: SPACE, token, ...times, successCooldownSeconds: 0, force: true, retries: 3 };
  const outcome = await store.jobs.claim(asked);
  if (outcome.kind !== "claimed") throw new Error(outcome.why);
  return { space: SPACE, token, fence: outcome.fence };
}

/** The root holds the newest generation byte for byte, our mark, and nothing else. */
async function assertWhole(): Promise<void> {
  const current = await store.generations.current(SPACE);
  const wanted = current?.manifest.map(({ path, hash }) => `${path} ${hash}`) ?? [];
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name === ".slowwave") continue;
    const hash = createHash("sha256").update(await readFile(path));
    found.push(`${path.slice(root.length + 1)} ${hash.digest("hex")}`);
  }
  const open = await store.generations.openJournal(SPACE);
  if (open === null && found.sort().join("\n") === wanted.toSorted().join("\n")) return;
  throw new Error(`Not whole (journal ${open?.generation}): ${found.join(", ")} instead of ${wanted}`);
}

/** The number of the generation in effect; 0 when there is none. */
async function newest(): Promise<number> {
  const text = await readFile(join(root, "MEMORY.md"), "utf8").catch(() => "");
  return Number(/^#(\d+)\n/.exec(text)?.[1] ?? 0);
}

/** One that stays, one that changes, one that comes and goes. */
function inputsOf(n: number): readonly Stage1Output[] {
  const input = {
    sourceUpdatedAt: 1,
    generatedAt: 1,
    rolloutSlug: null,
    rolloutPath: "",
    cwd: "",
    gitBranch: null,
  };
  return [
    ["a", "stays"],
    ["b", `changes ${n}`],
    [`c${n}`, "comes and goes"],
  ].map(([threadId = "", text]) => ({
    ...input,
    threadId,
    rawMemory: `raw ${text}`,
    rolloutSummary: `${text}`,
  }));
}

/**
 * The handbook refers to a skill of its own generation; those of the two before it are still there. A folder becomes
 * a file and a file a folder again.
 */
function generation(n: number): Record<string, string | null> {
  const skill = `skills/s${n}/SKILL.md`;
  const long = `#${n}\n${"a memory that takes a while to write\n".repeat(Number(lines))}#${n}\n`;
  return {
    [skill]: long,
    [`skills/s${n - 3}`]: null,
    "skills/turn/a": n % 2 === 0 ? `${n}\n` : null,
    ...(n % 2 === 0 ? {} : { "skills/turn/a/b": `${n}\n` }),
    "MEMORY.md": `#${n}\nsee ${skill}\n${long}`,
    "memory_summary.md": `v1\n#${n}\n- topic\n#${n}\n`,
  };
}

function answer<Output, Input>(logic: PromiseActorLogic<Output, Input>, input: Input): Promise<Output> {
  const actor = createActor(logic, { input } as never);
  actor.subscribe({ error: () => {} });
  const end = toPromise(actor);
  actor.start();
  return end as Promise<Output>;
}
