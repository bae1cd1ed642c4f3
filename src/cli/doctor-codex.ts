import { causeOf } from "../domain/failure.ts";
import type { CodexHome } from "../internal/codex-home.ts";
import { type Check, failure, fine, type Patient, warning } from "./doctor-checks.ts";
import { about, counted, quoted } from "./ui/text.ts";

/**
 * Codex's own job: whether a Codex works on it at this moment, what it waits for, and the command that goes on at once. A
 * Codex at work holds its lock, so a job that is held under a free lock was left by a process that died.
 */
export async function checkCodex({ at }: Pick<Patient, "at">): Promise<readonly Check[]> {
  const { codex } = at.places;
  if (codex === null) return [];
  try {
    return [await verdictOn(codex, Math.floor(at.world.nowMs() / 1000))];
  } catch (error) {
    return [failure("codex", causeOf(error))];
  }
}

async function verdictOn(home: CodexHome, now: number): Promise<Check> {
  const { CodexLock, CodexTables } = await import("../internal/codex-store.ts");
  const tables = new CodexTables(home);
  const lock = new CodexLock(home.lockFile, process.env.PATH);
  const again = `slowwave run --now --codex-home ${quoted(home.folder)}`;
  const waiting = `${counted(tables.selection(now).length, "session")} to consolidate, memories ${home.version}`;
  try {
    const job = tables.job();
    if (!(await lock.take("doctor")))
      return fine("codex", `a Codex, or a run of ours, is at work; ${waiting}`);
    const left = (job?.lease_until ?? 0) - now;
    if (job?.status === "running") {
      const text = "its job is held, and nobody holds its lock: whoever did that died";
      return left > 0
        ? warning("codex", `${text}; it would wait for another ${about(left)}`, again)
        : warning("codex", `${text}; the lease is over`, again.replace(" --now", ""));
    }
    const wait = (job?.retry_at ?? 0) - now;
    if (wait > 0) {
      return warning(
        "codex",
        `its last consolidation ended with ${job?.last_error}; the next is in ${about(wait)}`,
        again,
      );
    }
    return fine("codex", waiting);
  } finally {
    await lock.drop("doctor");
    tables.close();
  }
}
