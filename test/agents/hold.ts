import type { RunHold } from "../../src/domain/phase2.ts";

export interface RecordedHold extends RunHold {
  readonly notes: { readonly type: string; readonly data: unknown }[];
}

export function recordedHold(run = "r1"): RecordedHold {
  const notes: RecordedHold["notes"] = [];
  return {
    run,
    space: "global",
    lease: () => null,
    hold: () => {},
    note: (type, data) => void notes.push({ type, data }),
    notes,
  };
}
