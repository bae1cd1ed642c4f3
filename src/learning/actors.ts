import type { AnyActorLogic } from "xstate";
import { keepDeadline, keepLease } from "../services/job.ts";
import { checkNote } from "./check-note.ts";
import { createDesk, type Desk, type LearningDeps } from "./desk.ts";
import { closeExtractor, extractNote } from "./extract-note.ts";
import { findSession, locateSession } from "./locate-session.ts";
import { readEvidence, readSession, weighEvidence } from "./read-evidence.ts";
import { claimSession, recordFailure, recordNote, recordSkip } from "./session-job.ts";

export function deskOf(deps: LearningDeps): Desk {
  return createDesk({
    session: (space, key) => findSession(deps, space, key),
    evidence: (session, facts) => readSession(deps, session, facts),
  });
}

/** The holes of the phase-1 machine, filled for one run: the only place where names and actors meet. */
export function phase1Actors(deps: LearningDeps) {
  const { sessions, holder, clock, settings } = deps;
  const desk = deskOf(deps);
  return {
    claimSession: claimSession(deps),
    keepLease: keepLease({ jobs: sessions, holder, clock, settings }),
    keepDeadline: keepDeadline({ clock, maxRunMinutes: settings.maxRunMinutes }),
    locateSession: locateSession(deps, desk),
    readEvidence: readEvidence(deps, desk),
    weighEvidence: weighEvidence(deps, desk),
    extractNote: extractNote(deps, desk),
    checkNote: checkNote(deps, desk),
    recordNote: recordNote(deps, desk),
    recordSkip: recordSkip(deps, desk),
    closeExtractor: closeExtractor(deps),
    recordFailure: recordFailure(deps),
  } satisfies Record<string, AnyActorLogic>;
}
