import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NO_LIMITS, type WorkerReport } from "../../domain/admission.ts";
import type { Draft, Generation } from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { NO_FACTS, type Sighting } from "../../domain/session.ts";
import {
  asking,
  claimedLease,
  commitOf,
  intent,
  NOW_MS,
  newRun,
  type OpenWorld,
  output,
  type World,
} from "./given.ts";

/** What one operation is asked with, and what a repetition of it may answer. */
interface Operation {
  readonly ask: (store: Store, given: Given) => Promise<unknown>;
  /** What the second answer is, where it is not the first one again. */
  readonly again?: unknown;
  /** What a repetition leaves more than one call would: these operations add something at each call. */
  readonly adds?: (kept: Kept) => Kept;
}

/** Operations that only read need no test, and some are never repeated. */
type Exempt = "reads" | "made once";

type Operations<Port> = Readonly<Record<keyof Port & string, Operation | Exempt>>;

type PortName =
  | "admissions"
  | "jobs"
  | "memories"
  | "runs"
  | "generations"
  | "sessions"
  | "projects"
  | "connections";

/** Every operation of every port, by name: a new one does not compile without its line here. */
const OPERATIONS: { readonly [Name in PortName]: Operations<Store[Name]> } = {
  jobs: {
    claim: { ask: ({ jobs }) => jobs.claim(asking({ space: "dirty", token: "token-d" })) },
    renew: { ask: ({ jobs }, { lease }) => jobs.renew([lease], { leaseSeconds: 99, nowMs: NOW_MS }) },
    succeed: {
      ask: ({ jobs }, { lease }) => jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS }),
      again: "already",
    },
    fail: { ask: ({ jobs }, { lease }) => jobs.fail({ lease, ...FAILURE }), again: "already" },
    failUnowned: { ask: ({ jobs }, { lease }) => jobs.failUnowned({ lease, ...FAILURE }), again: "already" },
    release: {
      ask: ({ jobs }, { lease }) => jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS }),
      again: "already",
    },
    takeOver: { ask: ({ jobs }) => jobs.takeOver({ space: "global", token: "token-a", ...TAKER }) },
    // The space is as dirty as before; its watermark is a second further.
    enqueue: {
      ask: ({ jobs }) => jobs.enqueue("dirty", 900),
      adds: (kept) => ({
        ...kept,
        jobs: kept.jobs.map((row) => (row.job_key === "dirty" ? { ...row, input_watermark: 901 } : row)),
      }),
    },
    read: "reads",
    rowBeforeClaim: "reads",
    due: "reads",
    list: "reads",
  },
  memories: {
    upsert: {
      ask: ({ memories }) =>
        memories.upsert("global", [output("t1", { sourceUpdatedAt: 500 }), output("t9")]),
      again: { imported: 0, updated: 0, unchanged: 2, forgotten: 0, redacted: 0 },
    },
    withdraw: { ask: ({ memories }) => memories.withdraw("global", "t1"), again: "unchanged" },
    removeSetAside: { ask: ({ memories }) => memories.removeSetAside("global"), again: 0 },
    refuse: { ask: ({ memories }) => memories.refuse("t1", null) },
    remember: { ask: ({ memories }) => memories.remember("t2", "global"), again: false },
    recordInputs: { ask: ({ memories }) => memories.recordInputs("run-1", [output("t1"), output("t7")]) },
    forget: { ask: ({ memories }, { lease }) => memories.forget("t1", lease) },
    select: "reads",
    count: "reads",
    setAside: "reads",
    spaces: "reads",
    refused: "reads",
    inputsOf: "reads",
    versionsOf: "reads",
    spacesOf: "reads",
  },
  runs: {
    create: { ask: ({ runs }) => runs.create(newRun({ id: "run-9" }), commitOf(0, { run: "run-9" })) },
    commit: {
      ask: ({ runs }, { signal }) =>
        runs.commit(
          commitOf(1, {
            intents: [intent("run-1/1/y")],
            messages: [{ actor: "c", type: "hello", value: null, event: "{}" }],
            actors: [{ key: "c", snapshot: '{"n":1}', intents: [] }],
            removed: ["gone"],
            signals: [signal],
          }),
        ),
    },
    signal: { ask: ({ runs }) => runs.signal({ run: "run-1", key: "k9", event: "{}", nowMs: NOW_MS }) },
    closeSignals: {
      ask: ({ runs }, { signal }) => runs.closeSignals({ run: "run-1", fence: 1, ids: [signal] }),
    },
    pause: { ask: ({ runs }) => runs.pause({ run: "run-1", isPaused: true, nowMs: NOW_MS }) },
    takeOver: {
      ask: ({ runs }) => runs.takeOver({ run: "run-1", fence: 1, owner: "owner-b", nowMs: NOW_MS + 5 }),
    },
    park: { ask: ({ runs }) => runs.park({ run: "run-1", fence: 1, reason: "unknown", nowMs: NOW_MS }) },
    requestCancel: { ask: ({ runs }) => runs.requestCancel("run-1", NOW_MS) },
    // An observation decides nothing: a second row says the same.
    note: {
      ask: async ({ runs }) => typeof (await runs.note("run-1", { atMs: NOW_MS, type: "beat", data: 1 })),
      adds: (kept) => ({ ...kept, log: [...kept.log, kept.log.at(-1) as Kept["log"][number]] }),
    },
    dropPatches: { ask: ({ runs }) => runs.dropPatches() },
    redact: {
      ask: async ({ runs }) => {
        const [row] = await runs.log({ run: "over", after: 0, limit: 1 });
        const snapshot = { run: "over", snapshot: '"redacted"' };
        await runs.redact({ rows: [{ id: row?.id ?? 0, data: '"redacted"' }], snapshot });
      },
    },
    watch: "made once",
    read: "reads",
    list: "reads",
    unfinished: "reads",
    openIntents: "reads",
    actors: "reads",
    messages: "reads",
    readSignal: "reads",
    inbox: "reads",
    cancelRequests: "reads",
    log: "reads",
    tail: "reads",
    steps: "reads",
    tally: "reads",
  },
  generations: {
    commit: {
      ask: ({ generations }, { lease }) =>
        generations.commit({
          lease,
          generation: { ...GENERATION, id: "g3", parent: "g2" },
          ...FILES,
          ...JOURNAL("g3"),
        }),
      again: "already",
    },
    closeJournal: { ask: ({ generations }) => generations.closeJournal("g2") },
    remove: { ask: ({ generations }) => generations.remove("global", ["g1"]) },
    collect: {
      ask: ({ generations }) =>
        generations.collect({ nowMs: NOW_MS, graceMs: 0, limit: 9, hashes: [hashOf("orphan")] }),
      again: 0,
    },
    rewrite: {
      ask: ({ generations }, { lease }) =>
        generations.rewrite({ lease, generation: "g1", manifest: null, blobs: new Map(), nowMs: NOW_MS }),
    },
    keepDraft: {
      ask: ({ generations }, { lease }) => generations.keepDraft({ lease, draft: DRAFT("d9"), ...FILES }),
    },
    removeDrafts: { ask: ({ generations }) => generations.removeDrafts("global", ["d1"]) },
    current: "reads",
    manifest: "reads",
    read: "reads",
    list: "reads",
    blob: "reads",
    missing: "reads",
    openJournal: "reads",
    orphans: "reads",
    draft: "reads",
    drafts: "reads",
  },
  sessions: {
    spaces: "reads",
    sight: { ask: ({ sessions }) => sessions.sight("global", [{ ...SEEN, fingerprint: "9" }], NOW_MS + 9) },
    claim: { ask: ({ sessions }) => sessions.claim({ ...SESSION_CLAIM, key: "claude-2", token: "token-2" }) },
    renew: {
      ask: ({ sessions }, { ofSession }) => sessions.renew([ofSession], { leaseSeconds: 9, nowMs: NOW_MS }),
    },
    takeOver: { ask: ({ sessions }, { ofSession }) => sessions.takeOver({ ...ofSession, ...TAKER }) },
    fail: {
      ask: ({ sessions }, { ofSession }) =>
        sessions.fail({ lease: ofSession, ...OF_SESSION, ...FAILURE, verdict: "unlearnable" } as never),
      again: "already",
    },
    release: {
      ask: ({ sessions }, { ofSession }) =>
        sessions.release({ lease: ofSession, reason: "cancelled", nowMs: NOW_MS }),
      again: "already",
    },
    skip: {
      ask: ({ sessions }, { ofSession }) =>
        sessions.skip({
          lease: ofSession,
          ...OF_SESSION,
          verdict: "resting",
          verdictUntil: NOW_MS + 5,
          facts: NO_FACTS,
          nowMs: NOW_MS,
        } as never),
      again: "already",
    },
    record: {
      ask: ({ sessions }, { ofSession }) =>
        sessions.record({
          lease: ofSession,
          ...OF_SESSION,
          note: output("claude-1"),
          noteHash: "h",
          verdict: "learned",
          facts: NO_FACTS,
          evidence: [{ position: 1, tier: "person", saidAt: null, text: "Say so." }],
          nowMs: NOW_MS,
        }),
      again: "already",
    },
    exclude: { ask: ({ sessions }) => sessions.exclude("/secret", NOW_MS) },
    include: { ask: ({ sessions }) => sessions.include("/private"), again: false },
    keepSource: {
      ask: ({ sessions }) =>
        sessions.keepSource({ agent: "claude", root: "/c", seenAt: NOW_MS, sessions: 2 }),
    },
    read: "reads",
    list: "reads",
    count: "reads",
    job: "reads",
    jobs: "reads",
    evidence: "reads",
    exclusions: "reads",
    sources: "reads",
  },
  projects: {
    keep: { ask: ({ projects }) => projects.keep("/p/other", PROJECT("p2"), NOW_MS, ["p1"]) },
    list: "reads",
    ofPath: "reads",
    pathsOf: "reads",
  },
  admissions: {
    // What an admission whose answer was lost has given lapses, and is given to the next who asks.
    admit: "made once",
    // Told that the space has a place, which is its own.
    admitSpace: {
      ask: ({ admissions }) => admissions.admitSpace({ ...ADMIT, space: "dirty" }),
    },
    handBack: {
      ask: ({ admissions }) => admissions.handBack({ worker: "worker-w", spaces: ["given"], nowMs: NOW_MS }),
    },
    pause: { ask: ({ admissions }) => admissions.pause({ tenant: null, isPaused: true }) },
    beat: { ask: ({ admissions }) => admissions.beat({ report: REPORT("worker-x"), nowMs: NOW_MS }) },
    leave: { ask: ({ admissions }) => admissions.leave("worker-w") },
    setTenantRule: {
      ask: ({ admissions }) =>
        admissions.setTenantRule({ rule: "prefix:-", worker: "worker-w", nowMs: NOW_MS }),
    },
    overview: "reads",
    watch: "made once",
  },
  connections: {
    save: { ask: ({ connections }) => connections.save(CONNECTION("c2")) },
    remove: { ask: ({ connections }) => connections.remove("c1") },
    list: "reads",
  },
};

const TERMS = { nowMs: NOW_MS, successCooldownSeconds: 0, retries: 3 };
const ADMIT = { ...TERMS, worker: "worker-w", limits: NO_LIMITS };
const REPORT = (worker: string): WorkerReport => ({
  worker,
  name: worker,
  host: "h",
  pid: 1,
  version: "1",
  state: "working",
  concurrency: 2,
  limits: NO_LIMITS,
  running: 0,
  takeovers: 0,
  leasesLost: 0,
  startedAtMs: NOW_MS,
  clockOffsetMs: 0,
});
const FAILURE = { reason: "failed_agent", retryDelaySeconds: 60, nowMs: NOW_MS };
const TAKER = { worker: "worker-b", leaseSeconds: 60, nowMs: NOW_MS };
const OF_SESSION = { space: "global", key: "claude-1" };
const SESSION_CLAIM = {
  ...OF_SESSION,
  worker: "worker-a",
  token: "token-s",
  force: false,
  again: false,
  retries: 3,
  cap: 4,
  leaseSeconds: 3600,
  nowMs: NOW_MS,
};
const SEEN: Sighting = {
  key: "claude-1",
  agent: "claude",
  root: "/c",
  path: "/c/1.jsonl",
  fingerprint: "1",
  bytes: 10,
  changedAt: NOW_MS,
};
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const entryOf = (path: string, text: string) => ({ path, hash: hashOf(text), bytes: text.length });
const blobsOf = (...texts: readonly string[]) =>
  new Map(texts.map((text) => [hashOf(text), Buffer.from(text)]));
const FILES = { manifest: [entryOf("a.md", "new")], blobs: blobsOf("new"), nowMs: NOW_MS } as const;
const JOURNAL = (generation: string) => ({ journal: { space: "global", root: "/r", generation, steps: [] } });
const GENERATION: Generation = {
  id: "g1",
  space: "global",
  run: null,
  parent: null,
  kind: "published",
  createdAtMs: NOW_MS,
};
const DRAFT = (hash: string): Draft => ({
  hash,
  space: "global",
  run: "run-1",
  base: null,
  inputsDigest: "d",
  watermark: 100,
  limit: 9,
  agent: null,
  findings: 0,
  createdAtMs: NOW_MS,
});
const PROJECT = (id: string) => ({ id, commonDir: null, rootCommit: null, remote: null, name: id });
const CONNECTION = (id: string) =>
  ({
    id,
    space: "global",
    agent: "claude",
    how: "file",
    path: `/${id}`,
    kind: "file",
    state: "connected",
    piece: null,
    writtenHash: "a".repeat(64),
    beforeHash: null,
    atMs: NOW_MS,
  }) as const;

interface Given {
  readonly lease: Lease;
  readonly ofSession: Lease;
  /** An open signal of run-1. */
  readonly signal: number;
}

/** A store in the middle of its work, so that every operation has something to do. */
async function inTheMiddle(store: Store): Promise<Given> {
  const { admissions, jobs, memories, runs, generations, sessions, projects, connections } = store;
  await memories.upsert("global", [output("t1"), output("t2")]);
  const lease = await claimedLease(store);
  await jobs.enqueue("dirty", 100);
  await memories.refuse("t2", "global");
  await runs.create(newRun(), commitOf(0, { intents: [intent("run-1/0/x")] }));
  await runs.create(newRun({ id: "over" }), commitOf(0, { run: "over" }));
  await memories.recordInputs("over", [output("t1")]);
  await runs.commit(commitOf(1, { run: "over", state: "done", patch: '{"value":"x"}' }));
  const { id: signal = 0 } =
    (await runs.signal({ run: "run-1", key: "k1", event: "{}", nowMs: NOW_MS })) ?? {};
  const orphan = { manifest: [entryOf("a.md", "orphan")], blobs: blobsOf("orphan") };
  await generations.keepDraft({ lease, draft: DRAFT("d0"), ...orphan });
  await generations.removeDrafts("global", ["d0"]);
  await generations.keepDraft({ lease, draft: DRAFT("d1"), manifest: [], blobs: new Map() });
  const first = { manifest: [entryOf("a.md", "old")], blobs: blobsOf("old"), nowMs: NOW_MS };
  await generations.commit({ lease, generation: GENERATION, ...first, journal: null });
  const second = { ...GENERATION, id: "g2", parent: "g1" };
  await generations.commit({ lease, generation: second, ...first, ...JOURNAL("g2") });
  await sessions.sight("global", [SEEN, { ...SEEN, key: "claude-2", path: "/c/2.jsonl" }], NOW_MS);
  const claim = await sessions.claim(SESSION_CLAIM);
  const ofSession = { space: "claude-1", token: "token-s", fence: "fence" in claim ? claim.fence : 0 };
  await sessions.exclude("/private", NOW_MS);
  await projects.keep("/p", PROJECT("p1"), NOW_MS);
  await connections.save(CONNECTION("c1"));
  await jobs.enqueue("given", 100);
  await admissions.beat({ report: REPORT("worker-w"), nowMs: NOW_MS });
  await admissions.admitSpace({ ...ADMIT, space: "given" });
  return { lease, ofSession, signal };
}

/** Everything that can be seen of what the store keeps, without the numbers of log rows. */
async function keptBy(store: Store) {
  const { admissions, jobs, memories, runs, generations, sessions, projects, connections } = store;
  const log = await runs.log({ after: 0, limit: 999 });
  return {
    jobs: await jobs.list({ limit: 99 }),
    outputs: await memories.select("global", 99),
    setAside: await memories.setAside("global"),
    versions: await memories.versionsOf("global", "t1"),
    inputs: [await memories.inputsOf("run-1"), await memories.inputsOf("over")],
    refused: await memories.refused("global"),
    runs: await runs.list({ limit: 99 }),
    log: log.map(({ id: _, ...row }) => row),
    intents: await runs.openIntents("run-1"),
    actors: await runs.actors("run-1"),
    inboxes: [await runs.inbox("owner-a"), await runs.inbox("owner-b")],
    generations: await generations.list("global", 99),
    files: [await generations.current("global"), await generations.manifest("g1")],
    journal: await generations.openJournal("global"),
    drafts: await generations.drafts("global"),
    missing: await generations.missing(["new", "old", "orphan"].map(hashOf)),
    sessions: await sessions.list({ space: "global", limit: 99 }),
    sessionJobs: [await sessions.job("global", "claude-1"), await sessions.job("global", "claude-2")],
    evidence: await sessions.evidence("global", "claude-1"),
    exclusions: [await sessions.exclusions(), await sessions.sources()],
    projects: [await projects.list(), await projects.pathsOf("p1"), await projects.pathsOf("p2")],
    connections: await connections.list(),
    fleet: await admissions.overview({ ...TERMS, tenants: 9 }),
  };
}

type Kept = Awaited<ReturnType<typeof keptBy>>;

/**
 * An operation whose answer was lost, since the connection was cut or the process that holds the file was too busy, is
 * asked again, by its caller or by the store: it finds its own trace.
 */
export function repetitionContract(name: string, open: OpenWorld): void {
  describe(`an operation asked again · ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world.close());

    for (const [port, operations] of Object.entries(OPERATIONS)) {
      for (const [call, operation] of Object.entries(operations as Record<string, Operation | Exempt>)) {
        if (typeof operation === "string") continue;
        test(`finds its own trace: ${port}.${call}`, async () => {
          const { ask, again, adds = (kept) => kept } = operation;
          const given = await inTheMiddle(world.a);
          const before = await keptBy(world.b);
          const first = await ask(world.a, given);
          const once = await keptBy(world.b);
          // Else there would be nothing to find; patches are seen by nobody.
          if (call !== "dropPatches") expect(once).not.toEqual(before);
          const second = await ask(world.a, given);
          expect(second).toEqual(again === undefined ? first : again);
          expect(await keptBy(world.b)).toEqual(adds(once));
        });
      }
    }
  });
}
