import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { AnyStateMachine } from "xstate";
import { structureHash } from "../internal/machine.ts";
import * as answers from "./answers.ts";
import type { CoverageAnswer, MachineAnswer } from "./api.ts";
import { httpError } from "./http-error.ts";
import { type Route, route } from "./routes.ts";

export interface MachineRoutesDeps {
  readonly machine: AnyStateMachine;
  readonly version: string;
  /** Null: where the path tests write it. */
  readonly coverage: string | null;
}

/** The statechart, and what the path tests walked of it. */
export function machineRoutes({ machine, version, coverage }: MachineRoutesDeps): readonly Route[] {
  const view = machineView(machine, version);
  return [
    route({
      method: "get",
      path: "/machine",
      summary: "The statechart every run follows.",
      answer: answers.machineAnswer,
      handle: async () => view,
    }),
    route({
      method: "get",
      path: "/coverage",
      summary: "Which transitions the path tests walked.",
      answer: answers.coverageAnswer,
      handle: () => readCoverage(coverage),
    }),
  ];
}

/** The machine as the page reads it: its resolved definition, where functions are told by name. */
function machineView(machine: AnyStateMachine, version: string): MachineAnswer {
  return {
    id: machine.id,
    version,
    hash: structureHash(machine),
    definition: JSON.parse(JSON.stringify(machine.definition)) as unknown,
  };
}

/** What the path tests wrote: beside the compiled server in a package, in the checkout else. */
const PLACES = ["../coverage/paths.json", "../../coverage/paths.json"];

/** Throws `coverage_missing` when there is none, or what is there is something else. */
async function readCoverage(file: string | null): Promise<CoverageAnswer> {
  const places =
    file === null ? PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))) : [file];
  for (const place of places) {
    const found = await readFile(place, "utf8").then(coverageIn, () => null);
    if (found !== null) return found;
  }
  throw httpError(
    "coverage_missing",
    "There is no coverage here; the path tests (`npm test`) write coverage/paths.json.",
  );
}

function coverageIn(text: string): CoverageAnswer | null {
  try {
    const found = JSON.parse(text) as Partial<CoverageAnswer>;
    return Array.isArray(found.transitions) && Array.isArray(found.paths) ? (found as CoverageAnswer) : null;
  } catch {
    return null;
  }
}
