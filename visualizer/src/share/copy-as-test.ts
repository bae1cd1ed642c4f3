import type { RunAnswer } from "../../../src/server/api.ts";
import type { Step } from "../chart/walk.ts";

const INIT = "xstate.init";

/**
 * A run's way through the machine as a test: its recorded events, fed to the machine, lead through the same
 * states to the same end. Needs nothing but the library. Null when the log does not begin at the beginning.
 */
export function asTest(
  run: Pick<RunAnswer["run"], "id" | "status" | "value" | "machine">,
  steps: readonly Step[],
): string | null {
  const [first, ...rest] = steps;
  if (first?.type !== INIT) return null;
  const input = { ...(first.data as { input?: object }).input, token: "token" };
  const events = rest.map(({ data }) => literal(data, "    "));
  const states = steps.map(({ value }) => JSON.stringify(value));
  const title = `run ${run.id}: ${run.status ?? run.value}`;
  const machine = run.machine === "phase1" ? "phase1Machine" : "phase2Machine";
  return `import { ${machine} } from "slowwave";
import { expect, test } from "vitest";
import { initialTransition, transition } from "xstate";

test(${literal(title, "  ")}, () => {
  const input = ${literal(input, "  ")};
  const events = [
${events.map((event) => `    ${event},`).join("\n")}
  ];

  let [snapshot] = initialTransition(${machine}, input as never);
  const states = [dotted(snapshot.value)];
  for (const event of events) {
    [snapshot] = transition(${machine}, snapshot, event as never);
    states.push(dotted(snapshot.value));
  }

  expect(states).toEqual([
${states.map((state) => `    ${state},`).join("\n")}
  ]);
  expect(snapshot.context.status).toEqual(${JSON.stringify(run.status)});
});

function dotted(value: unknown): string {
  if (typeof value === "string") return value;
  return Object.entries(value as object)
    .map(([key, inner]) => \`\${key}.\${dotted(inner)}\`)
    .join("+");
}
`;
}

/** JSON is TypeScript, but for the two line ends and what an editor or a reviewer would not see. */
function literal(value: unknown, indent: string): string {
  return JSON.stringify(value, null, 2)
    .replace(
      /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
      (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
    )
    .replaceAll("\n", `\n${indent}`);
}
