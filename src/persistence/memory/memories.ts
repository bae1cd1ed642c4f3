import { createHash } from "node:crypto";
import { owns } from "../../domain/job.ts";
import { changeOf, isBlank, latestFirst, type MemoryStore, type Stage1Output } from "../../domain/memory.ts";
import { jobKeyOf } from "../../domain/session.ts";
import { checkSpaceKey } from "../../domain/settings.ts";
import { acceptRecords } from "../../import/record.ts";
import { machineNowMs } from "../machine-clock.ts";
import { enqueueIn } from "./jobs.ts";
import type { MemoryWorld } from "./world.ts";

type World = Pick<MemoryWorld, "jobs" | "dueSince" | "outputs" | "refused" | "inputs" | "runs"> &
  Partial<Pick<MemoryWorld, "sessions" | "sessionJobs" | "evidence">>;

export function memoryMemories(world: World, nowMs: () => number = machineNowMs): MemoryStore {
  return { ...stage1Rows(world, nowMs), ...threadRights(world) };
}

/** The stage-1 outputs of spaces. */
function stage1Rows(
  world: World,
  nowMs: () => number,
): Pick<MemoryStore, "upsert" | "withdraw" | "select" | "count" | "setAside" | "removeSetAside" | "spaces"> {
  return {
    upsert: async (space, inputs) => {
      checkSpaceKey(space);
      const { records, redacted } = await acceptRecords(inputs);
      const outputs = outputsOf(world, space);
      const counts = { imported: 0, updated: 0, unchanged: 0, forgotten: 0 };
      let newest: number | null = null;
      for (const record of records) {
        if (isRefused(world, space, record.threadId)) {
          counts.forgotten += 1;
          continue;
        }
        const change = changeOf(outputs.get(record.threadId), record);
        counts[change] += 1;
        if (change === "unchanged") continue;
        outputs.set(record.threadId, { ...record });
        newest = Math.max(newest ?? record.sourceUpdatedAt, record.sourceUpdatedAt);
      }
      if (newest !== null) enqueueIn(world, space, newest, nowMs());
      return { ...counts, redacted };
    },
    withdraw: async (space, threadId) => {
      checkSpaceKey(space);
      const row = outputsOf(world, space).get(threadId);
      if (row === undefined || isBlank(row)) return "unchanged";
      const sourceUpdatedAt = row.sourceUpdatedAt + 1;
      outputsOf(world, space).set(threadId, { ...row, sourceUpdatedAt, rawMemory: "", rolloutSummary: "" });
      enqueueIn(world, space, sourceUpdatedAt, nowMs());
      return "withdrawn";
    },
    select: async (space, limit) =>
      [...selectable(world, space)].sort(latestFirst).slice(0, Math.max(0, limit)),
    count: async (space, newerThan = 0) =>
      selectable(world, space).filter(({ sourceUpdatedAt }) => sourceUpdatedAt > newerThan).length,
    // No other program writes here: only what was refused after it had come in is left out.
    setAside: async (space) =>
      [...outputsOf(world, space).values()]
        .filter((output) => !isBlank(output) && isRefused(world, space, output.threadId))
        .map(({ threadId }) => ({
          threadId,
          code: "forgotten",
          message: "The thread was purged, and another program wrote it again.",
        })),
    removeSetAside: async (space) => {
      const gone = [...outputsOf(world, space).keys()].filter((threadId) =>
        isRefused(world, space, threadId),
      );
      for (const threadId of gone) outputsOf(world, space).delete(threadId);
      return gone.length;
    },
    spaces: async () =>
      [...world.outputs]
        .filter(([, outputs]) => outputs.size > 0)
        .map(([space]) => space)
        .sort(),
  };
}

/** What runs recorded, and what is refused or forgotten of a thread. */
function threadRights(
  world: World,
): Pick<
  MemoryStore,
  "refuse" | "remember" | "refused" | "recordInputs" | "inputsOf" | "versionsOf" | "spacesOf" | "forget"
> {
  return {
    refuse: async (threadId, space) => refuse(world, threadId, space),
    remember: async (threadId, space) =>
      [space, EVERY_SPACE].map((one) => world.refused.delete(refusalOf(one, threadId))).some((was) => was),
    refused: async (space) =>
      [...world.refused].filter((key) => [space, EVERY_SPACE].some((one) => key.startsWith(`${one}\0`)))
        .length,
    recordInputs: async (run, outputs) => {
      if (outputs.length > 0 && !world.inputs.has(run)) world.inputs.set(run, structuredClone(outputs));
    },
    inputsOf: async (run) => structuredClone(world.inputs.get(run) ?? []),
    versionsOf: async (space, threadId) => {
      const current = outputsOf(world, space).get(threadId);
      const recorded = [...world.inputs.entries()]
        .filter(([run]) => isOf(world, run, space))
        .flatMap(([, outputs]) => outputs.filter((output) => output.threadId === threadId))
        .sort(latestFirst);
      const distinct = new Map(
        recorded.map((output) => [
          JSON.stringify([output.sourceUpdatedAt, output.rawMemory, output.rolloutSummary]),
          output,
        ]),
      );
      return structuredClone([...(current === undefined ? [] : [current]), ...distinct.values()]);
    },
    spacesOf: async (threadId) => {
      const stored = [...world.outputs]
        .filter(([, outputs]) => outputs.has(threadId))
        .map(([space]) => space);
      const recorded = [...world.inputs].flatMap(([run, outputs]) => {
        const space = world.runs.get(run)?.space;
        return space !== undefined && outputs.some((output) => output.threadId === threadId) ? [space] : [];
      });
      return [...new Set([...stored, ...recorded])].sort();
    },
    forget: async (threadId, lease) => {
      if (!owns(world.jobs.get(lease.space) ?? null, lease)) return "lost";
      outputsOf(world, lease.space).delete(threadId);
      refuse(world, threadId, lease.space);
      forgetSession(world, lease.space, threadId);
      for (const [run, outputs] of world.inputs) {
        if (!isOf(world, run, lease.space)) continue;
        world.inputs.set(
          run,
          outputs.filter((output) => output.threadId !== threadId),
        );
      }
      return "applied";
    },
  };
}

function outputsOf(world: World, space: string): Map<string, Stage1Output> {
  const outputs = world.outputs.get(space) ?? new Map<string, Stage1Output>();
  world.outputs.set(space, outputs);
  return outputs;
}

function selectable(world: World, space: string): readonly Stage1Output[] {
  return [...outputsOf(world, space).values()].filter(
    (output) => !isBlank(output) && !isRefused(world, space, output.threadId),
  );
}

/** A run without a row (a plain one) belongs to every space. */
function isOf(world: World, run: string, space: string): boolean {
  return (world.runs.get(run)?.space ?? space) === space;
}

function isRefused(world: World, space: string, threadId: string): boolean {
  return isRefusedIn(world, space, threadId);
}

/** One entry a thread, so that a count is one of threads. */
function refuse(world: World, threadId: string, space: string | null): void {
  if (space !== null && isRefused(world, space, threadId)) return;
  if (space === null) {
    const hash = refusalOf(EVERY_SPACE, threadId);
    for (const entry of world.refused) if (entry.endsWith(hash)) world.refused.delete(entry);
  }
  world.refused.add(refusalOf(space ?? EVERY_SPACE, threadId));
}

const EVERY_SPACE = "";

export function isRefusedIn(
  { refused }: Pick<MemoryWorld, "refused">,
  space: string,
  threadId: string,
): boolean {
  return [space, EVERY_SPACE].some((one) => refused.has(refusalOf(one, threadId)));
}

/** All that is kept of the session, its job too. */
export function forgetSession(
  world: Partial<Pick<MemoryWorld, "sessions" | "sessionJobs" | "evidence" | "settlements" | "settledAt">>,
  space: string,
  key: string,
): void {
  const name = jobKeyOf(space, key);
  world.sessions?.delete(name);
  world.sessionJobs?.delete(name);
  world.evidence?.delete(name);
  // These name the session, too.
  for (const [trace, { space: of }] of world.settledAt ?? []) {
    if (of !== name) continue;
    world.settledAt?.delete(trace);
    world.settlements?.delete(trace);
  }
}

/** The space in clear, the id as a hash. */
function refusalOf(space: string, threadId: string): string {
  return `${space}\0${createHash("sha256").update(threadId).digest("hex")}`;
}
