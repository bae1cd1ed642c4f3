import { contextOf, type RunRecord } from "./run.ts";

/** Whose run it is: the space, and of a run of phase 1 the session that it learns. */
export interface RunSubject {
  readonly space: string;
  /** Key of the session; null for a consolidation. */
  readonly session: string | null;
}

/** A run of phase 1 belongs to no space of the log (it would push consolidations out of it); its context says which. */
export function subjectOf(record: Pick<RunRecord, "machine" | "space" | "snapshot">): RunSubject {
  if (record.machine !== "phase1") return { space: record.space, session: null };
  const { space, key } = contextOf(record);
  return {
    space: record.space !== "" || typeof space !== "string" ? record.space : space,
    session: typeof key === "string" ? key : null,
  };
}
