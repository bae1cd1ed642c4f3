import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { AgentRunner } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { Stage1Output } from "../domain/memory.ts";
import type { LearnSettings } from "../domain/phase1.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { EvidenceRow as KeptEvidence, Project, SessionFacts, SessionStore } from "../domain/session.ts";
import type { Evidence, Extraction } from "../extraction/index.ts";
import type { Files } from "../files/folder.ts";
import type { SessionFile, TranscriptFile, TranscriptReader, Utterance } from "../transcripts/reader.ts";

/** How what was said becomes a note without a model. Pure but for the reading. */
export interface Rules {
  /** Keeps what the budget has room for; each thing without its secrets. */
  gather(utterances: AsyncIterable<Utterance>): Promise<Evidence>;
  extract(session: SessionFile, evidence: Evidence): Extraction;
}

/** What the actors of one run of phase 1 share. */
export interface LearningDeps {
  readonly sessions: SessionStore;
  readonly holder: LeaseHolder;
  readonly clock: Clock;
  readonly settings: LearnSettings;
  /** The owner id of this process. */
  readonly worker: string;
  readonly readers: Readonly<Record<string, TranscriptReader | undefined>>;
  readonly rules: Rules;
  /** The run's state folder: what our own agents did there is never learned. */
  readonly home: string;
  /** `<home>/staging/<run>`: where an agent works, and nothing else. */
  readonly runFolder: string;
  readonly files: Files;
  /** Null: the rules write the note. */
  readonly runner: AgentRunner | null;
  /** The agents that this process holds. */
  readonly registry: AgentRegistry;
  readonly projectOf: (cwd: string) => Promise<Project | null>;
  /** The file as a look has found it a moment ago; null: look again. */
  readonly found: (agent: string, key: string) => TranscriptFile | null;
}

/** A note that may be kept, and which of the evidence it rests on. */
interface CheckedNote {
  readonly note: Stage1Output;
  readonly evidence: readonly KeptEvidence[];
}

/**
 * What one run holds in its hands: the words of a session, which never go into the machine's context. A process that
 * takes the run over has an empty cache: what it held is made again from the session's file, which must be the same.
 */
export interface RunCache {
  /** The session's file. */
  session(key: string, space: string): Promise<SessionFile>;
  facts(): SessionFacts;
  keepSession(session: SessionFile, facts: SessionFacts): void;
  /** What was said in it. Rejects with `session_changed` when it is not the file of this fingerprint any more. */
  evidence(input: { space: string; key: string; fingerprint: string }): Promise<Evidence>;
  keepEvidence(evidence: Evidence, facts: SessionFacts, hasOutsideWords: boolean): void;
  /** Whether the agent took in words from the web or from an MCP server; known once the evidence is. */
  hasOutsideWords(): boolean;
  extraction: Extraction | null;
  checked: CheckedNote | null;
  /** What an agent is to mend in its next turn. */
  faults: readonly string[];
}

export function createRunCache(find: {
  readonly session: (space: string, key: string) => Promise<{ session: SessionFile; facts: SessionFacts }>;
  readonly evidence: (
    session: SessionFile,
    facts: SessionFacts,
  ) => Promise<{ evidence: Evidence; facts: SessionFacts; hasOutsideWords: boolean }>;
}): RunCache {
  let session: SessionFile | null = null;
  let evidence: Evidence | null = null;
  let facts: SessionFacts | null = null;
  let isFromOutside = false;

  const cache: RunCache = {
    extraction: null,
    checked: null,
    faults: [],
    facts: () => {
      if (facts === null) throw new SlowwaveError("session_changed", "The session was not read yet.");
      return facts;
    },
    keepSession: (found, known) => {
      session = found;
      facts = known;
    },
    keepEvidence: (read, known, hasOutsideWords) => {
      evidence = read;
      facts = known;
      isFromOutside = hasOutsideWords;
    },
    hasOutsideWords: () => isFromOutside,
    session: async (key, space) => {
      if (session !== null) return session;
      const found = await find.session(space, key);
      cache.keepSession(found.session, found.facts);
      return found.session;
    },
    evidence: async ({ space, key, fingerprint }) => {
      if (evidence !== null) return evidence;
      const file = await cache.session(key, space);
      if (file.fingerprint !== fingerprint) {
        throw new SlowwaveError(
          "session_changed",
          "The session went on while it was learned; it is learned anew.",
        );
      }
      const read = await find.evidence(file, cache.facts());
      cache.keepEvidence(read.evidence, read.facts, read.hasOutsideWords);
      return read.evidence;
    },
  };
  return cache;
}
