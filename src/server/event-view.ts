import type { LogRow } from "../domain/run.ts";
import type { EventView } from "./api.ts";

/** A row of the log as the API shows it. */
export function eventView({ data, ...row }: LogRow): EventView {
  return { ...row, data: parsed(data) };
}

/** Stored by us, so it is JSON; a damaged row is shown as it is rather than hiding the others. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
