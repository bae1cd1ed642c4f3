import type { AnyStateMachine } from "xstate";
import { structureHash } from "../internal/machine.ts";
import type { MachineAnswer } from "./api.ts";

/** The machine as the page reads it: its resolved definition, where functions are told by name. */
export function machineView(machine: AnyStateMachine, version: string): MachineAnswer {
  return {
    id: machine.id,
    version,
    hash: structureHash(machine),
    definition: JSON.parse(JSON.stringify(machine.definition)) as unknown,
  };
}
