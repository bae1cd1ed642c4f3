import type { Mutation } from "./mutation.ts";

/** Both stores. */
export const STORES: readonly Mutation[] = [
  {
    name: "a draft is kept without ownership (memory)",
    file: "src/persistence/memory/generations.ts",
    edits: [
      [
        'if (lease.space !== draft.space || !owns(jobs.get(lease.space) ?? null, lease)) return "lost";\n      put(world, fresh);\n      dropDrafts',
        'if (lease.space !== draft.space) return "lost";\n      put(world, fresh);\n      dropDrafts',
      ],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a renewal compares no fence (memory)",
    file: "src/persistence/memory/jobs.ts",
    edits: [
      [
        "if (owns(row, lease)) put({ ...row, lease_until",
        "if (isHeldUnder(row, lease.token)) put({ ...row, lease_until",
      ],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a commit compares no sequence (memory)",
    file: "src/persistence/memory/runs.ts",
    edits: [["if (run === null || run.sequence !== request.sequence - 1) {", "if (run === null) {"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "bytes that were named again still count as unused",
    file: "src/persistence/sqlite/blob-table.ts",
    edits: [["      unmark.run(untilMs);\n", "      if (untilMs < 0) unmark.run(untilMs);\n"]],
    tests: ["test/persistence/blobs.test.ts"],
  },
  {
    name: "the generation in effect is removed",
    file: "src/persistence/sqlite/generations.ts",
    edits: [
      ["row?.space !== space || id === inEffect || hasJournal", "row?.space !== space || hasJournal"],
      ["    const inEffect = newest.get(space, 1)?.id;\n", ""],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a rollback commits over a running run",
    file: "src/persistence/sqlite/generations.ts",
    edits: [["return !jobs.isRunning(space) && (newest.get", "return (newest.get"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a new claim keeps the old settlement of its token",
    file: "src/persistence/sqlite/jobs.ts",
    edits: [["    settlements.remove(request.space, request.token);\n", ""]],
    tests: ["test/contract/job-property.test.ts"],
  },
  {
    name: "inputs are recorded twice",
    file: "src/persistence/sqlite/memories.ts",
    edits: [["          if (isRecorded.get(run) !== undefined) return;\n", ""]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a look at one's own lock drops it",
    file: "src/process/file-lock.ts",
    edits: [['  if (OURS.has(path)) return "alive";\n  const found', "  const found"]],
    tests: ["test/persistence/owners.test.ts"],
  },
  {
    name: "a takeover compares no fence",
    file: "src/persistence/sqlite/runs.ts",
    edits: [
      [
        "    `update runs set fence = fence + 1, owner = @owner, updated_at = @nowMs\n     where id = @run and fence = @fence and state = 'active'`",
        "    `update runs set fence = fence + 1, owner = @owner, updated_at = @nowMs\n     where id = @run and state = 'active'`",
      ],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a run that ended or is parked steps on",
    file: "src/persistence/sqlite/runs.ts",
    edits: [
      [
        "from runs where id = ? and fence = ? and state = 'active'`;",
        "from runs where id = ? and fence = ?`;",
      ],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a step is logged out of its turn",
    file: "src/persistence/sqlite/runs.ts",
    edits: [["const isNext = lastSteps.get(run) === sequence - 1;", "const isNext = true;"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a run that is read lacks what its last steps changed",
    file: "src/persistence/sqlite/run-queries.ts",
    edits: [
      [
        'const steps = state === "active" ? patches.all(id, since) : [];',
        "const steps = patches.all(id, since).slice(0, 0);",
      ],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "what was changed before a migration is put onto the migrated state",
    file: "src/persistence/sqlite/runs.ts",
    edits: [["        commits.settleState(id);\n        const isTaken", "        const isTaken"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "an intent that a step closed stays open",
    file: "src/domain/state-patch.ts",
    edits: [
      ["before.filter(({ key }) => !closed.includes(key))", "before.filter(({ key }) => key !== closed[9])"],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "the work of a refused member stays",
    file: "src/persistence/sqlite/writer.ts",
    edits: [
      ['      if (verdict.kind !== "done") undo.run();\n', ""],
      ['  const undo = db.prepare("rollback to member");\n', ""],
    ],
    tests: ["test/persistence/group-commit.test.ts"],
  },
  {
    name: "members of a group whose commit failed are told that it is done",
    file: "src/persistence/sqlite/writer.ts",
    edits: [
      [
        '    const failed = uncommitted();\n    return failed === null\n      ? verdicts\n      : verdicts.map((verdict) => (verdict.kind === "done" ? failed : verdict));',
        "    uncommitted();\n    return verdicts;",
      ],
    ],
    tests: ["test/persistence/group-commit.test.ts"],
  },
  {
    name: "work that is repeated comes after what was asked for later",
    file: "src/persistence/sqlite/writer.ts",
    edits: [
      [
        "    if (again.length > 0) this.#queue = [...again, ...this.#queue];\n    const busy",
        "    if (again.length > 0) this.#queue = [...this.#queue, ...again];\n    const busy",
      ],
    ],
    tests: ["test/persistence/group-commit.test.ts"],
  },
  {
    name: "work that is repeated takes the innocent along",
    file: "src/persistence/sqlite/writer.ts",
    edits: [
      [
        "    const mustBeAlone = member.timesUndone > 0 || (queue[0]?.timesUndone ?? 0) > 0;\n    return at > 0 && (mustBeAlone || weight > GROUP_LIMIT);",
        "    return at > 0 && weight > GROUP_LIMIT;",
      ],
    ],
    tests: ["test/persistence/group-commit.test.ts"],
  },
  {
    name: "something is written beside the thread that writes",
    file: "src/persistence/sqlite/writer.ts",
    edits: [["else if (this.#flying === 0) this.#writeHere();", "else this.#writeHere();"]],
    tests: ["test/persistence/step-thread.test.ts"],
  },
  {
    name: "a step that the thread has no outcome of is taken for done",
    file: "src/persistence/sqlite/writer.ts",
    edits: [["const value = outcomes[at] ?? null;", 'const value = outcomes[at] ?? "fenced";']],
    tests: ["test/persistence/step-thread.test.ts"],
  },
];
