import { join } from "node:path";

/** An agent's private home: beside the workspace, and never kept, since it may hold copies of the person's keys. */
export function roomHome(scratch: string): string {
  return join(scratch, "home");
}
