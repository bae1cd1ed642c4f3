import type { WorkerRow } from "../../domain/admission.ts";
import type { Connection } from "../../domain/connection.ts";
import type { Draft, Generation, Journal, Manifest } from "../../domain/generation.ts";
import type { JobRow } from "../../domain/job.ts";
import type { Stage1Output } from "../../domain/memory.ts";
import type { Liveness, Locks } from "../../domain/ports.ts";
import type { ActorRow, Intent, LogRow, RunRecord, Signal } from "../../domain/run.ts";
import type { EvidenceRow, Exclusion, Project, SessionRow, SourceRow } from "../../domain/session.ts";
import { storeError } from "../errors.ts";

/** What a memory store keeps. Stores that share a world compete as processes on one database do. */
export interface MemoryWorld {
  /** By space. */
  readonly jobs: Map<string, JobRow>;
  /** By space: since when it is due, while it is dirty. */
  readonly dueSince: Map<string, number>;
  /** Places for spaces, and who is given them. */
  readonly fleet: FleetWorld;
  /** By space: the row a dry run claimed, as it was before, and under which token. */
  readonly before: Map<string, { readonly token: string; readonly row: JobRow }>;
  /** By space and token: how the job was settled. */
  readonly settlements: Map<string, string>;
  /** When that was, and in which space; by the same key. */
  readonly settledAt: Map<string, { readonly space: string; readonly atMs: number }>;
  /** By space, then by thread. */
  readonly outputs: Map<string, Map<string, Stage1Output>>;
  /** Threads that were purged: the space (empty: every space) and a hash of the id. */
  readonly refused: Set<string>;
  /** By run. */
  readonly inputs: Map<string, readonly Stage1Output[]>;
  readonly runs: Map<string, RunRecord>;
  /** The open ones by run, oldest first. */
  readonly intents: Map<string, readonly Intent[]>;
  /** Child actors by run, then by key, in the order they began. */
  readonly actors: Map<string, Map<string, ActorRow>>;
  /** The id of a signal is its place plus one. */
  readonly signals: Signal[];
  /** The id of a row is its place plus one; the places of rows that were taken away are empty. */
  readonly log: LogRow[];
  /** In the order of their commits. */
  readonly generations: { generation: Generation; manifest: Manifest }[];
  readonly blobs: Map<string, Uint8Array>;
  /** By hash: when a blob was first found without a name. */
  readonly unusedSince: Map<string, number>;
  readonly drafts: { readonly draft: Draft; readonly manifest: Manifest }[];
  /** By generation, in the order they were opened. */
  readonly journals: Map<string, Journal>;
  /** By the row's key, which names space and session. */
  readonly sessionJobs: Map<string, JobRow>;
  readonly sessions: Map<string, SessionRow>;
  readonly evidence: Map<string, readonly EvidenceRow[]>;
  readonly exclusions: Map<string, Exclusion>;
  readonly sources: Map<string, SourceRow>;
  readonly projects: Map<string, Project>;
  /** By path. */
  readonly projectPaths: Map<string, string>;
  /** By id. */
  readonly connections: Map<string, Connection>;
  /** By run: what its newest step said it changed, if it did. */
  readonly patches: Map<string, { readonly sequence: number; readonly patch: string }>;
  /** Living owners and held locks. */
  readonly held: Set<string>;
  /** Told of what is left for runs. */
  readonly watchers: Set<() => void>;
}

/**
 * The data of a store in memory, with nothing in it: given to several stores, they share it.
 *
 * ```ts
 * const store = openMemoryStore({ world: createMemoryWorld() });
 * ```
 */
export function createMemoryWorld(): MemoryWorld {
  return {
    jobs: new Map(),
    dueSince: new Map(),
    fleet: emptyFleet(),
    before: new Map(),
    settlements: new Map(),
    settledAt: new Map(),
    outputs: new Map(),
    refused: new Set(),
    inputs: new Map(),
    runs: new Map(),
    intents: new Map(),
    actors: new Map(),
    signals: [],
    log: [],
    generations: [],
    blobs: new Map(),
    unusedSince: new Map(),
    drafts: [],
    journals: new Map(),
    sessionJobs: new Map(),
    sessions: new Map(),
    evidence: new Map(),
    exclusions: new Map(),
    sources: new Map(),
    projects: new Map(),
    projectPaths: new Map(),
    connections: new Map(),
    held: new Set(),
    patches: new Map(),
    watchers: new Set(),
  };
}

/** Owners of one process: `held` names the living and the locks, and `unregister` is death. */
export function memoryOwners(held: Set<string>): {
  readonly liveness: Liveness;
  readonly locks: Locks;
  releaseAll(): Promise<void>;
} {
  const own = new Map<symbol, string>();

  function acquire(key: string): (() => Promise<void>) | null {
    if (held.has(key)) return null;
    const handle = Symbol(key);
    held.add(key);
    own.set(handle, key);
    return async () => {
      // Released twice, it may be another's by now.
      if (own.delete(handle)) held.delete(key);
    };
  }

  return {
    liveness: {
      ttlMs: null,
      sinceBeatMs: () => 0,
      register: async (owner) => {
        const unregister = acquire(`owner ${owner}`);
        if (unregister === null) throw storeError("store_busy", `owner ${owner}`);
        return { unregister };
      },
      probe: async (owner) => (held.has(`owner ${owner}`) ? "alive" : "dead"),
    },
    locks: {
      lock: async (name) => {
        const unlock = acquire(`lock ${name}`);
        return unlock === null ? null : { unlock };
      },
    },
    releaseAll: async () => {
      for (const key of own.values()) held.delete(key);
      own.clear();
    },
  };
}

/** What a memory store keeps of places and of those who are given them. */
export interface FleetWorld {
  /** By space. Without a worker: the space is put off until then. */
  readonly admissions: Map<string, { readonly worker: string | null; readonly untilMs: number }>;
  readonly workers: Map<string, WorkerRow>;
  readonly pausedTenants: Set<string>;
  isPaused: boolean;
  rule: string | null;
  lastServed: string | null;
}

export function emptyFleet(): FleetWorld {
  return {
    admissions: new Map(),
    workers: new Map(),
    pausedTenants: new Set(),
    isPaused: false,
    rule: null,
    lastServed: null,
  };
}

/** As a database orders texts, which JavaScript does not beyond the basic plane. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
