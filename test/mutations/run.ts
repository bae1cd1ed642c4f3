import type { Mutation } from "./mutation.ts";

/** What a run does: services, publishing, recovery, agents and their processes. */
export const RUN: readonly Mutation[] = [
  {
    name: "only whole messages are signs of life",
    file: "src/agents/watchers.ts",
    edits: [
      ["const left = Math.max(lastEventMs(), lastActivityMs()) + ms", "const left = lastEventMs() + ms"],
    ],
    tests: ["test/engine/slow-streamer.test.ts"],
  },
  {
    name: "the lease is not prolonged while the agent ends",
    file: "src/engine/actors.ts",
    edits: [
      [
        "  if (lease !== null) await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });\n",
        "  if (lease !== null) await Promise.resolve([jobs, leaseSeconds]);\n",
      ],
    ],
    tests: ["test/original/golden.test.ts"],
  },
  {
    name: "a workspace is cleared while a stopped step works in it",
    file: "src/engine/actors.ts",
    edits: [
      [
        "  await settlesWithin(clock, SEAL_MS, files.seal());\n",
        "  await settlesWithin(clock, SEAL_MS, Promise.resolve(files));\n",
      ],
    ],
    tests: ["test/engine/sealed-workspace.test.ts"],
  },
  {
    name: "recovery passes a broken publish by",
    file: "src/engine/recovery.ts",
    edits: [
      [
        'everyJob(store.jobs, { lastError: "failed_publish" })',
        'everyJob(store.jobs, { lastError: "failed_publish", status: "running" })',
      ],
    ],
    tests: ["test/engine/phase2.test.ts"],
  },
  {
    name: "a parked run is released without a takeover",
    file: "src/engine/recovery.ts",
    edits: [
      [
        "  if (lease === null) return false;\n  return (await store.jobs.release({ lease,",
        "  return (await store.jobs.release({ lease: lease ?? { space, token, fence: 0 },",
      ],
    ],
    tests: ["test/engine/parked.test.ts"],
  },
  {
    name: "what an unfinished run started from is retired",
    file: "src/engine/recovery.ts",
    edits: [
      ["place >= floor && !needed.has(id) &&", "place >= floor && (!needed.has(id) || needed.size > 0) &&"],
    ],
    tests: ["test/generations/retire.test.ts"],
  },
  {
    name: "a dry run is applied over another base",
    file: "src/memory-files/apply.ts",
    edits: [["if (!isSame || current !== draft.base) throw", "if (!isSame) throw"]],
    tests: ["test/generations/dry-run.test.ts"],
  },
  {
    name: "a file that a person changed after the commit is deleted",
    file: "src/memory-files/publish.ts",
    edits: [
      ['if (step.do === "delete" && isOld) await', 'if (step.do === "delete" && current !== null) await'],
    ],
    tests: ["test/publish/journal.test.ts"],
  },
  {
    name: "a wave is not on the disk before the next begins",
    file: "src/memory-files/publish.ts",
    edits: [["  });\n  await at.sync();\n}\n", "  });\n}\n"]],
    tests: ["test/publish/journal.test.ts"],
  },
  {
    name: "a journal that cannot be written now is closed for ever",
    file: "src/memory-files/publish.ts",
    edits: [
      [
        "      if (journal.root === root) throw error;\n",
        '      if (journal.root === "" && root === "") throw error;\n',
      ],
    ],
    tests: ["test/publish/journal.test.ts"],
  },
  {
    name: "a person's deletion is undone",
    file: "src/memory-files/publish.ts",
    edits: [
      [
        '    const side = theyChanged && !weChanged ? "theirs" : "ours";',
        '    const side = theyChanged && !weChanged && their !== undefined ? "theirs" : "ours";',
      ],
    ],
    tests: ["test/publish/merge.test.ts"],
  },
  {
    name: "new bytes are not on the disk before they are renamed",
    file: "src/memory-files/publish.ts",
    edits: [["{ ...mode, sync: true }", "{ ...mode, sync: false }"]],
    tests: ["test/publish/journal.test.ts"],
  },
  {
    name: "a publish does not look again before it renames",
    file: "src/memory-files/publish.ts",
    edits: [
      [
        "    if (found !== null && !isAsFound(found, await at.facts(name))) {",
        '    if (found !== null && found.kind === "too-large" && !isAsFound(found, await at.facts(name))) {',
      ],
    ],
    tests: ["test/publish/saved-meanwhile.test.ts"],
  },
  {
    name: "a file that is being saved fails the run at once",
    file: "src/memory-files/reconcile-root.ts",
    edits: [["attempt === ATTEMPTS) throw error", "attempt >= 1) throw error"]],
    tests: ["test/publish/saved-meanwhile.test.ts"],
  },
  {
    name: "a control that nobody can look at counts as dead",
    file: "src/memory-files/root-lock.ts",
    edits: [
      [
        '(await liveness.probe(row.worker_id)) !== "dead"',
        '(await liveness.probe(row.worker_id)) === "alive"',
      ],
    ],
    tests: ["test/generations/free-space.test.ts"],
  },
  {
    name: "a process id of an earlier boot counts",
    file: "src/process/process-record.ts",
    edits: [["identity.startTime === null || identity.bootId !== bootId()", "identity.startTime === null"]],
    tests: ["test/process/orphan.test.ts"],
  },
  {
    name: "a signal is sent to a reused process id",
    file: "src/process/tree.ts",
    edits: [["  if (!isSame(member)) return;\n  try {", "  try {"]],
    tests: ["test/process/end-tree.test.ts"],
  },
  {
    name: "a reused session number is proof",
    file: "src/process/tree.ts",
    edits: [
      ["  return fresh && readStat(leader.pid) === null &&", "  return readStat(leader.pid) === null &&"],
      [
        "function isOfLeader(stat: ProcessStat, leader: ProcessIdentity, fresh: boolean)",
        "function isOfLeader(stat: ProcessStat, leader: ProcessIdentity, _fresh: boolean)",
      ],
    ],
    tests: ["test/process/orphan.test.ts"],
  },
  {
    name: "closing does not wait for a start that is under way",
    file: "src/services/close-agent.ts",
    edits: [["  await settlesWithin(clock, closeMs, registry.started(input.run));\n", ""]],
    tests: ["test/agents/close-agent.test.ts"],
  },
  {
    name: "closing forgets what the agent of a dead engine left",
    file: "src/services/close-agent.ts",
    edits: [
      [
        "  if (handles.length === 0) ends.push(runner.endOrphan(places.runFolder, clock).then(() => {}));\n",
        "  void [runner, places];\n",
      ],
    ],
    tests: ["test/agents/close-agent.test.ts"],
  },
  {
    name: "a lease counts as safe from the answer on, not from the question",
    file: "src/services/job.ts",
    edits: [
      [
        "      safeUntilMs = beganMs + leaseSeconds * 1000 - marginMs;",
        "      safeUntilMs = clock.monotonicMs() + leaseSeconds * 1000 - marginMs;",
      ],
      ["      const beganMs = clock.monotonicMs();\n", ""],
    ],
    tests: ["test/original/golden.test.ts"],
  },
  {
    name: "a heartbeat cuts off the one that is under way",
    file: "src/services/job.ts",
    edits: [
      [".pipe(exhaustMap(badNews), take(1))", ".pipe(switchMap(badNews), take(1))"],
      ["  exhaustMap,\n", ""],
      ["  type SchedulerLike,\n", "  type SchedulerLike,\n  switchMap,\n"],
    ],
    tests: ["test/original/golden.test.ts"],
  },
  {
    name: "a claim beyond the day's budget changes the row",
    file: "src/services/job.ts",
    edits: [
      [
        'reason: "cancelled", nowMs: clock.nowMs(), ...restore });',
        'reason: "cancelled", nowMs: clock.nowMs() });\n      void restore;',
      ],
    ],
    tests: ["test/engine/day-budget.test.ts"],
  },
  {
    name: "a settling write is given once only",
    file: "src/services/job.ts",
    edits: [["  return write().catch(() => write());", "  return write();"]],
    tests: ["test/engine/settle-job.test.ts"],
  },
  {
    name: "a dry run that failed costs the job a retry",
    file: "src/services/job.ts",
    edits: [
      [
        '      if (restore) return jobs.release({ lease, reason: "dry run", restore, nowMs });\n      if (isReleased(',
        '      if (restore && isReleased(input.status)) return jobs.release({ lease, reason: "dry run", restore, nowMs });\n      if (isReleased(',
      ],
    ],
    tests: ["test/generations/dry-run.test.ts"],
  },
  {
    name: "the safety margin of a lease is counted on the wall clock",
    file: "src/services/job.ts",
    edits: [
      ["    let safeUntilMs = clock.monotonicMs() +", "    let safeUntilMs = clock.nowMs() +"],
      ["      const beganMs = clock.monotonicMs();", "      const beganMs = clock.nowMs();"],
      ["      clock.monotonicMs() + RETRY_MS < safeUntilMs", "      clock.nowMs() + RETRY_MS < safeUntilMs"],
    ],
    tests: ["test/engine/long-waits.test.ts"],
  },
  {
    name: "a run that is taken over after its deadline has its whole time again",
    file: "src/services/job.ts",
    edits: [
      [
        "timer(Math.max(0, deadlineAtMs - clock.nowMs()), schedulerOf(clock))",
        "timer(deadlineAtMs - clock.nowMs() > 0 ? deadlineAtMs - clock.nowMs() : (maxRunMinutes ?? 0) * 60_000, schedulerOf(clock))",
      ],
    ],
    tests: ["test/engine/long-waits.test.ts"],
  },
  {
    name: "a second look at the day's budget that fails is taken for a yes",
    file: "src/services/job.ts",
    edits: [
      [
        "    const late = await spent(input.space);\n    if (late !== null) {",
        "    const late = isLimited ? await spent(input.space).catch(() => null) : null;\n    if (late !== null) {",
      ],
    ],
    tests: ["test/engine/lost-claim.test.ts"],
  },
  {
    name: "a repeated publish does not look for its own generation",
    file: "src/services/publish-memory.ts",
    edits: [
      [
        "  if ((await store.generations.read(publishedId(run))) !== null) return finish(deps, input, lease);\n",
        '  if (run === "") return finish(deps, input, lease);\n',
      ],
    ],
    tests: ["test/publish/journal.test.ts"],
  },
  {
    name: "an earlier verdict stays while the gate looks again",
    file: "src/services/publish-memory.ts",
    edits: [["    await forgetVerified(deps);\n", ""]],
    tests: ["test/validation/verify-artifacts.test.ts"],
  },
  {
    name: "a start that is no longer wanted leaves its agent",
    file: "src/services/spawn-agent.ts",
    edits: [
      [
        "  if (signal.aborted) {\n    await handle.close();\n    signal.throwIfAborted();\n  }\n",
        "  signal.throwIfAborted();\n",
      ],
    ],
    tests: ["test/agents/spawn-agent.test.ts"],
  },
  {
    name: "an attempt is written down after the start",
    file: "src/services/spawn-agent.ts",
    edits: [
      ["  await recordAttempt(places.runFolder, key);\n", ""],
      [
        "  registry.add(input.run, handle, meter, start);\n",
        "  await recordAttempt(places.runFolder, key);\n  registry.add(input.run, handle, meter, start);\n",
      ],
    ],
    tests: ["test/agents/spawn-agent.test.ts"],
  },
  {
    name: "a run that owns nothing starts an agent",
    file: "src/services/spawn-agent.ts",
    edits: [["  if (deps.holder.lease()?.fence === NO_FENCE) await stopped(signal);\n", ""]],
    tests: ["test/agents/spawn-agent.test.ts"],
  },
  {
    name: "words after the end of a turn reach the machine",
    file: "src/services/watch-agent.ts",
    edits: [
      [
        "    takeWhile(isRunning, true),\n    switchMap((event) => (isRunning(event) ? of(event) : concat(of(event), NEVER))),\n",
        "",
      ],
    ],
    tests: ["test/agents/watch-agent.test.ts"],
  },
  {
    name: "an agent is called gone before its orphan is ended",
    file: "src/services/watch-agent.ts",
    edits: [
      [
        "  const ended = defer(() => runner.endOrphan(places.runFolder, clock));",
        "  const ended = defer(async () => void [runner, places, clock]);",
      ],
    ],
    tests: ["test/agents/watch-agent.test.ts"],
  },
];
