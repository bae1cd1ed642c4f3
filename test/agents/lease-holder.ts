import type { LeaseHolder } from "../../src/domain/phase2.ts";

export interface RecordedHolder extends LeaseHolder {
  readonly notes: { readonly type: string; readonly data: unknown }[];
}

export function recordedHolder(run = "r1"): RecordedHolder {
  const notes: RecordedHolder["notes"] = [];
  return {
    run,
    space: "global",
    lease: () => null,
    setLease: () => {},
    recordEvent: (type, data) => void notes.push({ type, data }),
    notes,
  };
}
