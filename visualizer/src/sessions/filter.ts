import type { RunSummary, SessionView } from "../../../src/server/api.ts";
import type { PageState } from "../state/page-store.ts";

/** Those that hold every word a person searches for: in key, agent, project, folder, branch and sentence. */
export function filterSessions({
  sessions,
  wantedSessions,
}: Pick<PageState, "sessions" | "wantedSessions">): readonly SessionView[] {
  const words = wantedSessions.toLowerCase().split(/\s+/).filter(Boolean);
  const all = sessions ?? [];
  if (words.length === 0) return all;
  return all.filter(({ key, agent, projectName, cwd, branch, sentence, verdict }) => {
    const text = [key, agent, projectName, cwd, branch, sentence, verdict].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Key of the session that is looked at: the picked one, or the one that the chosen run learned. */
export function pickedSession({
  session,
  run,
  runs,
}: Pick<PageState, "session" | "run" | "runs">): string | null {
  return session ?? runs.find(({ id }) => id === run)?.session ?? null;
}

/** The kept runs of a session, newest first. */
export function runsOf({ runs }: Pick<PageState, "runs">, key: string): readonly RunSummary[] {
  return runs.filter(({ session }) => session === key);
}

/** How the session fares, in the words that colour a run. */
export function toneOfSession({ tone }: Pick<SessionView, "tone">): string {
  return { good: "succeeded", bad: "failed", open: "active", quiet: "skipped" }[tone];
}
