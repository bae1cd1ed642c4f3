import { type Check, fine } from "./check.ts";

/** An older one never gets here: the entry refuses it. */
export function checkNode(): Check {
  return fine("node", `Node ${process.versions.node}`);
}
