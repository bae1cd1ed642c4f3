import type { AnyStateMachine } from "xstate";

/** A machine as source that Stately Studio imports: one `createMachine` call, everything by name, no functions. */
export function statelySource(machine: AnyStateMachine): string {
  const plain = JSON.stringify(
    machine.config,
    (key, value: unknown) => {
      if (key === "context" || key === "output" || key === "params" || key === "input") return undefined;
      return typeof value === "function" ? undefined : value;
    },
    2,
  );
  return `import { createMachine } from "xstate";\n\nexport const ${machine.id}Machine = createMachine(${plain});\n`;
}
