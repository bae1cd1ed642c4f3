import type { Mutation } from "./mutation.ts";

/** The durable engine. */
export const DURABLE: readonly Mutation[] = [
  {
    name: "a run that was left goes on committing",
    file: "src/durable/commit-again.ts",
    edits: [['    if (isOver()) return "fenced";\n', ""]],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "patience with a busy store is counted on the wall clock",
    file: "src/durable/commit-again.ts",
    edits: [
      ["  const until = clock.monotonicMs() + patienceMs;", "  const until = clock.nowMs() + patienceMs;"],
      ["clock.monotonicMs() + wait <= until", "clock.nowMs() + wait <= until"],
    ],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "a takeover forgets a cancel that was asked for before",
    file: "src/durable/engine.ts",
    edits: [
      [
        "if (record.cancelRequestedAtMs !== null) {",
        'if (record.cancelRequestedAtMs !== null && record.id === "") {',
      ],
    ],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "what was asked of a run before its first commit is dropped",
    file: "src/durable/launched-run.ts",
    edits: [["    for (const ask of this.#early ?? []) this.ask(ask);\n", ""]],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "cancel requests are not asked for again after the store was busy",
    file: "src/durable/inbox-poll.ts",
    edits: [
      [
        "    if (engine.isNeeded()) await ask();\n",
        "    if (engine.isNeeded() && !(await ask())) return false;\n",
      ],
      ["async function ask(): Promise<void> {", "async function ask(): Promise<boolean> {"],
      ["    if (isAsking) return;\n", "    if (isAsking) return true;\n"],
      ["      // Busy: asked again after the next wait.\n", "      return false;\n"],
      ["    if (isAskedAgain) await ask();\n", "    if (isAskedAgain) await ask();\n    return true;\n"],
    ],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "what an actor said before it was stopped is handled",
    file: "src/durable/live-run.ts",
    edits: [
      ["    if (source === undefined) return null;\n", ""],
      ["const isLast = source !== null && isEndOf", "const isLast = source != null && isEndOf"],
    ],
    tests: ["test/durable/actor-ends.test.ts"],
  },
  {
    name: "the end of an actor is never settled",
    file: "src/durable/live-run.ts",
    edits: [
      ["      if (isLast) this.#running.close(source.intent.key);\n", ""],
      [
        "const ended = isLast ? { owner: source.owner, key: source.intent.key } : null;",
        "const ended = null;",
      ],
    ],
    tests: ["test/durable/actor-ends.test.ts"],
  },
  {
    name: "the end of an actor is settled with a step alone",
    file: "src/durable/actor-system.ts",
    edits: [
      [
        "    if (at.ended) this.#closeEnded(at.ended);\n",
        "    if (at.ended && !isNothing) this.#closeEnded(at.ended);\n",
      ],
    ],
    tests: ["test/durable/actor-ends.test.ts"],
  },
  {
    name: "an ended run keeps its open intents",
    file: "src/durable/actor-system.ts",
    edits: [["    for (const { key } of ref.intents) this.#step.drop(key);\n    ref.intents = [];\n", ""]],
    tests: ["test/durable/actor-ends.test.ts", "test/engine/durable.test.ts"],
  },
  {
    name: "new actors start before the stopped ones are stopped",
    file: "src/durable/live-run.ts",
    edits: [
      [
        '      if (effect.kind === "close") this.#running.stop(effect.key);\n      else if (effect.kind === "message"',
        '      if (effect.kind === "message"',
      ],
      [
        '      else if (effect.kind === "message" && opened.has(effect.key)) {\n        this.#running.receive(effect.key, effect.text, effect.at);\n      }\n    }\n',
        '      else if (effect.kind === "message" && opened.has(effect.key)) {\n        this.#running.receive(effect.key, effect.text, effect.at);\n      }\n    }\n    for (const effect of outside) if (effect.kind === "close") this.#running.stop(effect.key);\n',
      ],
    ],
    tests: ["test/durable/actor-ends.test.ts"],
  },
  {
    name: "events that wait are handled after the run was taken over",
    file: "src/durable/live-run.ts",
    edits: [
      ["    while (!this.#isOver && !this.#isPaused) {", "    while (!this.#isPaused) {"],
      [
        "    for (const { sender } of this.#queue.splice(0)) {",
        "    for (const { sender } of this.#queue) {",
      ],
    ],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "a takeover starts only what the last commit opened",
    file: "src/durable/live-run.ts",
    edits: [
      [
        "      for (const intent of owner.intents) {",
        "      for (const intent of owner.intents) {\n        if (!intent.key.startsWith([record.id, record.sequence, ''].join('/'))) continue;",
      ],
    ],
    tests: ["test/engine/phase2.test.ts"],
  },
  {
    name: "what an assignment changed in place is not stored",
    file: "src/durable/step-commit.ts",
    edits: [['part !== before[name] || typeof part === "object"', "part !== before[name]"]],
    tests: ["test/durable/patches.test.ts"],
  },
  {
    name: "a run's owner is not woken by what others leave for it",
    file: "src/durable/inbox-poll.ts",
    edits: [["      if (engine.isNeeded()) void ask();\n", ""]],
    tests: ["test/durable/wake.test.ts"],
  },
  {
    name: "a run is taken from a faster process",
    file: "src/durable/recovery.ts",
    edits: [
      [
        'if (record?.state !== "active" || !(await isLeft(record.owner))) continue;',
        'if (record?.state !== "active") continue;',
      ],
    ],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "runs of other machines are parked",
    file: "src/durable/recovery.ts",
    edits: [["  if (!engine.isOwn(record)) return null;\n", ""]],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "recovery stops looking after its first failure",
    file: "src/durable/repeated.ts",
    edits: [["work().catch(() => true)", "work().catch(() => false)"]],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "an owner that nobody can look at counts as dead",
    file: "src/durable/recovery.ts",
    edits: [['.then((state) => state === "dead")', '.then((state) => state !== "alive")']],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "two recoveries of one process run at once",
    file: "src/durable/recovery.ts",
    edits: [
      [
        "    const result = recovering.then(() => recoverNow(engine, filter));",
        "    const result = recoverNow(engine, filter);",
      ],
    ],
    tests: ["test/durable/ownership.test.ts"],
  },
  {
    name: "a long wait is one timer",
    file: "src/durable/timer-wheel.ts",
    edits: [
      [
        "Math.min(LOOK_MS, Math.max(0, first.dueAtMs - passedMs()))",
        "Math.max(0, first.dueAtMs - passedMs())",
      ],
    ],
    tests: ["test/durable/timers.test.ts"],
  },
];
