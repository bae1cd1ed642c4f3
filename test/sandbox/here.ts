import { sandboxNamed } from "../../src/sandbox/bubblewrap.ts";

export const PATIENCE_MS = 15_000;

const found = await sandboxNamed("bubblewrap").probe("none");

/** Whether there is a sandbox to be tested. Where there is none, that is said, and loudly. */
export const here = !("missing" in found);

if ("missing" in found) console.error(`\nNOT RUN: no attempt to escape was made. ${found.missing}\n`);
