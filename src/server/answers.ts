import { z } from "zod";
import type { RunResult } from "../domain/event.ts";
import type { Generation } from "../domain/generation.ts";
import type { JobRow } from "../domain/job.ts";
import type { BudgetUse } from "../domain/usage.ts";
import type * as api from "./api.ts";

/**
 * The shapes of `api.ts` as schemas, for `GET /api/openapi.json`: the compiler holds each to its interface, and a test
 * holds what the server sends to each. What another page describes (a job's row, a run's result) is named, not repeated.
 */
const outcome = z.enum(["succeeded", "failed", "skipped", "cancelled"]);
const count = z.number().int().min(0);
const fileChanges = z.strictObject({
  added: z.array(z.string()),
  modified: z.array(z.string()),
  deleted: z.array(z.string()),
});
const allowed = z.strictObject({ ok: z.boolean(), why: z.string() });

const runSummary = z.strictObject({
  id: z.string(),
  space: z.string(),
  machine: z.string().describe("phase2, or phase1 where a session was learned"),
  session: z.string().nullable().describe("key of that session"),
  state: z.enum(["active", "done", "error", "parked"]),
  value: z.string().describe("dotted state of the machine"),
  outcome: outcome.nullable(),
  status: z.custom<api.RunSummary["status"]>().describe("a status of the contract, or null while it works"),
  line: z.string(),
  inputs: count.nullable(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  cancelRequestedAtMs: z.number().nullable(),
}) satisfies z.ZodType<api.RunSummary>;

const eventView = z.looseObject({
  id: z.number().int(),
  run: z.string(),
  sequence: count.nullable().describe("null for what was observed beside the machine"),
  atMs: z.number(),
  type: z.string(),
  value: z.string().nullable(),
  data: z.unknown(),
}) satisfies z.ZodType<api.EventView>;

export const runsAnswer = z.strictObject({
  runs: z.array(runSummary),
  counts: z.strictObject({
    ...{ active: count, succeeded: count, failed: count, skipped: count, cancelled: count },
  }),
  nextBefore: z.string().nullable(),
  notices: z.array(z.string()).optional(),
}) satisfies z.ZodType<api.RunsAnswer>;

export const runAnswer = z.strictObject({
  run: runSummary,
  owner: z.strictObject({ id: z.string(), life: z.enum(["alive", "dead", "unknown"]) }),
  lease: z
    .strictObject({
      leaseUntilMs: z.number(),
      lastBeatAtMs: z.number().nullable(),
      leaseSeconds: z.number(),
      heartbeatSeconds: z.number(),
    })
    .nullable(),
  job: z.custom<JobRow | null>().describe("the job's row with its columns"),
  result: z.custom<RunResult | null>().describe("what `slowwave run --json` prints; null while unfinished"),
  snapshot: z.unknown().describe("persisted XState snapshot"),
  actors: z
    .array(z.strictObject({ actor: z.string(), src: z.string(), state: z.string() }))
    .describe("child actors of an unfinished run by their path"),
  budget: z.array(z.custom<api.BudgetMeter | BudgetUse>().describe("one limit and how much of it is used")),
  can: z.strictObject({ cancel: allowed, retry: allowed }),
  events: z.array(eventView),
  hasEarlier: z.boolean(),
  machine: z.strictObject({ id: z.string(), version: z.string(), hash: z.string() }),
}) satisfies z.ZodType<api.RunAnswer>;

export const eventsAnswer = z.strictObject({
  events: z.array(eventView),
  hasEarlier: z.boolean(),
}) satisfies z.ZodType<api.EventsAnswer>;

export const snapshotAnswer = z.strictObject({
  sequence: count,
  value: z.string(),
  snapshot: z.unknown(),
}) satisfies z.ZodType<api.SnapshotAnswer>;

export const startAnswer = z.strictObject({
  run: z.string(),
  adopted: z.boolean(),
}) satisfies z.ZodType<api.StartAnswer>;

export const cancelAnswer = z.strictObject({
  outcome: z.enum(["cancelled", "requested", "over", "unknown"]),
}) satisfies z.ZodType<api.CancelAnswer>;

export const machineAnswer = z.strictObject({
  id: z.string(),
  version: z.string(),
  hash: z.string(),
  definition: z.unknown(),
}) satisfies z.ZodType<api.MachineAnswer>;

export const coverageAnswer = z.looseObject({
  machine: z.string(),
  hash: z.string(),
  transitions: z.array(
    z.looseObject({
      id: z.string(),
      source: z.string(),
      event: z.string(),
      target: z.string(),
      paths: z.array(z.number()),
    }),
  ),
  paths: z.array(z.string()),
}) satisfies z.ZodType<api.CoverageAnswer>;

const generation = z.custom<Generation>().describe("id, space, parent, run, kind, createdAtMs …");

export const sessionsAnswer = z.strictObject({
  sessions: z.array(
    z
      .custom<api.SessionsAnswer["sessions"][number]>()
      .describe(
        "a session, its project, and in a sentence what became of it; `{time}` in it stands for `at`",
      ),
  ),
  nextBefore: z.string().nullable().describe("`before` of the next page; null: this was the last"),
  spaces: z.array(z.string()).describe("spaces that have sessions, by name; the first 200"),
  counts: z.record(z.string(), count),
}) satisfies z.ZodType<api.SessionsAnswer>;

export const fleetAnswer = z.strictObject({
  nowMs: z.number(),
  tenantOf: z.string().describe("how the tenant of a space is read from its key"),
  isPaused: z.boolean(),
  workers: z.array(
    z.strictObject({
      ...{ worker: z.string(), name: z.string(), host: z.string(), pid: count, version: z.string() },
      state: z.enum(["working", "draining"]),
      concurrency: count,
      limits: z
        .custom<api.FleetAnswer["workers"][number]["limits"]>()
        .describe("fleet and tenant, null: any number; tenants: those with a limit of their own"),
      ...{ running: count, takeovers: count, leasesLost: count },
      ...{ startedAtMs: z.number(), beatAtMs: z.number(), clockOffsetMs: z.number() },
    }),
  ),
  tenants: z.array(
    z.strictObject({
      ...{ tenant: z.string(), due: count, admitted: count, running: count },
      ...{ oldestDueAtMs: z.number().nullable(), isPaused: z.boolean() },
    }),
  ),
  ...{ due: count, admitted: count, running: count, oldestDueAtMs: z.number().nullable() },
  dueBy: z
    .strictObject({ successCooldownSeconds: z.number(), retries: z.number() })
    .describe("by which settings a space counts as due here; a worker may have been started with others"),
}) satisfies z.ZodType<api.FleetAnswer>;

export const generationsAnswer = z.strictObject({
  generations: z.array(
    z.custom<api.GenerationsAnswer["generations"][number]>().describe("a generation with its changes"),
  ),
}) satisfies z.ZodType<api.GenerationsAnswer>;

export const diffAnswer = z.strictObject({
  from: z.string().nullable(),
  to: z.string(),
  files: z.array(
    z.strictObject({
      path: z.string(),
      change: z.enum(["added", "modified", "deleted"]),
      before: z.string().nullable(),
      after: z.string().nullable(),
    }),
  ),
}) satisfies z.ZodType<api.DiffAnswer>;

const memoryFile = { path: z.string(), bytes: count, hash: z.string().describe("SHA-256 of its bytes") };

export const memoryAnswer = z.strictObject({
  space: z.string(),
  generation: generation.nullable(),
  files: z.array(z.strictObject(memoryFile)),
}) satisfies z.ZodType<api.MemoryAnswer>;

export const memoryFileAnswer = z.strictObject({
  space: z.string(),
  generation: z.string(),
  ...memoryFile,
  text: z.string().nullable(),
}) satisfies z.ZodType<api.MemoryFileAnswer>;

export const rollbackAnswer = z.strictObject({
  space: z.string(),
  outcome: z.enum(["restored", "unchanged"]),
  generation: z.string(),
  restored: z.string(),
  kept: z.string().nullable(),
  files: fileChanges,
}) satisfies z.ZodType<api.RollbackAnswer>;

export const applyAnswer = z.strictObject({
  space: z.string(),
  outcome: z.enum(["applied", "unchanged"]),
  hash: z.string(),
  generation: z.string().nullable(),
  files: fileChanges,
}) satisfies z.ZodType<api.ApplyAnswer>;

export const errorAnswer = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string() }),
}) satisfies z.ZodType<api.ErrorAnswer>;
