import type { Mutation } from "./mutation.ts";

/** The gate, secrets, and the doors. */
export const DOORS: readonly Mutation[] = [
  {
    name: "doctor looks for no agent that was left",
    file: "src/cli/doctor-checks.ts",
    edits: [["    if (living.length > 0) {", "    if (living.length > 99) {"]],
    tests: ["test/cli/left-agent.test.ts"],
  },
  {
    name: "a write without an origin is heard",
    file: "src/server/request.ts",
    edits: [["  if (origin === null && !isWrite) return;", "  if (origin === null) return;"]],
    tests: ["test/server/guard.test.ts"],
  },
  {
    name: "the origin of an inspector may write",
    file: "src/server/request.ts",
    edits: [
      [
        "origin !== null && !isWrite && origins.includes(origin)",
        "origin !== null && origins.includes(origin)",
      ],
    ],
    tests: ["test/server/guard.test.ts"],
  },
  {
    name: "the tail of the longer of two overlapping secrets stays",
    file: "src/text/secret-shapes.ts",
    edits: [["Math.max(last[1], range[1])", "range[1]"]],
    tests: ["test/text/redact.test.ts"],
  },
  {
    name: "a secret that began before the piece is not cut",
    file: "src/text/secret-shapes.ts",
    edits: [["Math.max(done, from - at)", "from - at"]],
    tests: ["test/agents/transcript.test.ts"],
  },
  {
    name: "statements that are lost are looked for in the old handbook",
    file: "src/validation/loss.ts",
    edits: [["const isStillThere = statementIndex(after);", "const isStillThere = statementIndex(before);"]],
    tests: ["test/validation/loss.test.ts"],
  },
  {
    name: "a skill may vanish without a word",
    file: "src/validation/skills.ts",
    edits: [
      [
        "  const gone = skillsIn(base.manifest).filter((skill) => !here.has(skill));",
        '  const gone = skillsIn(base.manifest).filter((skill) => !here.has(skill) && skill === "");',
      ],
    ],
    tests: ["test/validation/single-checks.test.ts"],
  },
  {
    name: "names that differ in case alone pass",
    file: "src/validation/structure.ts",
    edits: [['kind === "collision" && !isHostPath(path)', 'kind === "collision" && isHostPath(path)']],
    tests: ["test/validation/verify-artifacts.test.ts"],
  },
  {
    name: "control characters of the C1 set pass",
    file: "src/validation/structure.ts",
    edits: [["\\u007f-\\u009f]/;", "\\u007f]/;"]],
    tests: ["test/validation/single-checks.test.ts"],
  },
];
