import type { AnyActorLogic } from "xstate";
import { keepDeadline, keepLease } from "../services/job.ts";
import { checkNote } from "./check-note.ts";
import { closeExtractor, extractNote } from "./extract-note.ts";
import { findSession, locateSession } from "./locate-session.ts";
import { readEvidence, readSession, weighEvidence } from "./read-evidence.ts";
import { createRunCache, type LearningDeps, type RunCache } from "./run-cache.ts";
import { claimSession, recordFailure, recordNote, recordSkip } from "./session-job.ts";

export function runCacheOf(deps: LearningDeps): RunCache {
  return createRunCache({
    session: (space, key) => findSession(deps, space, key),
    evidence: (session, facts) => readSession(deps, session, facts),
  });
}

/** The holes of the phase-1 machine, filled for one run: the only place where names and actors meet. */
export function phase1Actors(deps: LearningDeps) {
  const { sessions, holder, clock, settings } = deps;
  const cache = runCacheOf(deps);
  return {
    claimSession: claimSession(deps),
    keepLease: keepLease({ jobs: sessions, holder, clock, settings }),
    keepDeadline: keepDeadline({ clock, maxRunMinutes: settings.maxRunMinutes }),
    locateSession: locateSession(deps, cache),
    readEvidence: readEvidence(deps, cache),
    weighEvidence: weighEvidence(deps, cache),
    extractNote: extractNote(deps, cache),
    checkNote: checkNote(deps, cache),
    recordNote: recordNote(deps, cache),
    recordSkip: recordSkip(deps, cache),
    closeExtractor: closeExtractor(deps),
    recordFailure: recordFailure(deps),
  } satisfies Record<string, AnyActorLogic>;
}
