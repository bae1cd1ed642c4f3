import type { Mutation } from "./mutation.ts";

/** The machine and the rules of the job. */
export const MACHINE: readonly Mutation[] = [
  {
    name: "a run of exactly a day ago still counts",
    file: "src/domain/usage.ts",
    edits: [["record.createdAtMs <= nowMs - DAY_MS", "record.createdAtMs < nowMs - DAY_MS"]],
    tests: ["test/engine/day-budget.test.ts"],
  },
  {
    name: "a day has one run more than its limit",
    file: "src/domain/usage.ts",
    edits: [["    if (left < limit) return atMs;", "    if (left <= limit) return atMs;"]],
    tests: ["test/engine/day-budget.test.ts"],
  },
  {
    name: "a lease lives a second longer than it says",
    file: "src/domain/job.ts",
    edits: [["(row.lease_until ?? 0) > nowSeconds", "(row.lease_until ?? 0) >= nowSeconds"]],
    tests: ["test/original/job.test.ts"],
  },
  {
    name: "a backoff lasts a second longer than it says",
    file: "src/domain/job.ts",
    edits: [["(row.retry_at ?? 0) > now)", "(row.retry_at ?? 0) >= now)"]],
    tests: ["test/contract/job-combinations.test.ts"],
  },
  {
    name: "an equal watermark does not make the job due again",
    file: "src/domain/job.ts",
    edits: [["wanted > current ? wanted", "wanted >= current ? wanted"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a success lowers the watermark",
    file: "src/domain/job.ts",
    edits: [
      [
        "last_success_watermark: Math.max(row.last_success_watermark ?? 0, by.watermark),",
        "last_success_watermark: by.watermark,",
      ],
    ],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "a takeover by the same worker raises the fence",
    file: "src/domain/job.ts",
    edits: [["row.worker_id === by.worker ? row.fence : row.fence + 1", "row.fence + 1"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "the end of a dry run puts the old fence back",
    file: "src/domain/job.ts",
    edits: [["const back = { ...before, fence: row.fence };", "const back = { ...before };"]],
    tests: ["test/generations/dry-run.test.ts"],
  },
  {
    name: "a part of a second of lease is none",
    file: "src/domain/job.ts",
    edits: [["Math.max(0, Math.ceil(seconds))", "Math.max(0, Math.floor(seconds))"]],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "new input leaves the retry time of a pending job",
    file: "src/domain/job.ts",
    edits: [['{ status: "pending", retry_at: null }', '{ status: "pending" }']],
    tests: ["test/contract/stores.test.ts"],
  },
  {
    name: "an agent has one repair turn more than it may",
    file: "src/machines/phase2.ts",
    edits: [["context.repairs < context.maxRepairs,", "context.repairs <= context.maxRepairs,"]],
    tests: ["test/original/golden.test.ts"],
  },
  {
    name: "the keepers of lease and deadline go on while a run fails",
    file: "src/machines/phase2.ts",
    edits: [
      [
        '      entry: "stopKeeping",\n      initial: "closing",\n      on: {\n        cancel: { description: "It is ending already." },',
        '      initial: "closing",\n      on: {\n        cancel: { description: "It is ending already." },',
      ],
    ],
    tests: ["test/paths/machine-rules.test.ts"],
  },
  {
    name: "a lost success keeps the status it had before",
    file: "src/machines/phase2.ts",
    edits: [
      [
        '                  { type: "remember", params: { status: null } },\n                  {\n                    type: "setFailure",\n                    params: { status: "failed_lost_ownership", cause: "another worker owns the job" },\n                  },\n                ],\n              },\n            ],\n            onError: {',
        '                  {\n                    type: "setFailure",\n                    params: { status: "failed_lost_ownership", cause: "another worker owns the job" },\n                  },\n                ],\n              },\n            ],\n            onError: {',
      ],
    ],
    tests: ["test/paths/invariants.test.ts"],
  },
  {
    name: "a new agent inherits the repairs of the one that died",
    file: "src/machines/phase2.ts",
    edits: [
      [
        "      repairs: 0,\n      agent: null,\n      agentStatus: null,\n    })),",
        "      agent: null,\n      agentStatus: null,\n    })),",
      ],
    ],
    tests: ["test/paths/machine-rules.test.ts"],
  },
  {
    name: "a lost lease interrupts a publish that is under way",
    file: "src/machines/phase2.ts",
    edits: [
      [
        '            cancel: { description: "Too late: the publish is brought to its end." },\n            "lease.lost": { description: "The fenced commit decides." },',
        '            cancel: { description: "Too late: the publish is brought to its end." },',
      ],
    ],
    tests: ["test/paths/invariants.test.ts"],
  },
  {
    name: "a run that owns nothing writes its failure when its agent could not be closed",
    file: "src/machines/phase2.ts",
    edits: [
      [
        '            onError: [\n              {\n                description: "Not the owner: no row is written.",\n                guard: "ownsNothing",\n                target: "#phase2.failed",\n              },\n              {',
        "            onError: [\n              {",
      ],
    ],
    tests: ["test/paths/machine-rules.test.ts"],
  },
  {
    name: "the id of a dead agent stays",
    file: "src/machines/phase2.ts",
    edits: [
      [
        "      repairs: 0,\n      agent: null,\n      agentStatus: null,",
        "      repairs: 0,\n      agentStatus: null,",
      ],
    ],
    tests: ["test/paths/machine-rules.test.ts"],
  },
];
