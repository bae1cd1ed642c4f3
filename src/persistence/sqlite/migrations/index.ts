import { start } from "./0001-start.ts";
import { generations } from "./0002-generations.ts";

/** In order, never edited once released: the number of a migration is its place, and the schema's version. */
export const MIGRATIONS: readonly string[] = [start, generations];
