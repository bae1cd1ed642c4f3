import { start } from "./0001-start.ts";
import { generations } from "./0002-generations.ts";
import { fewPages } from "./0003-few-pages.ts";
import { activeRuns } from "./0004-active-runs.ts";
import { actors } from "./0005-actors.ts";
import { handEdits } from "./0006-hand-edits.ts";
import { stage1Doors } from "./0007-stage1-doors.ts";
import { retention } from "./0008-retention.ts";

/** In order, never edited once released: the number of a migration is its place, and the schema's version. */
export const MIGRATIONS: readonly string[] = [
  start,
  generations,
  fewPages,
  activeRuns,
  actors,
  handEdits,
  stage1Doors,
  retention,
];
