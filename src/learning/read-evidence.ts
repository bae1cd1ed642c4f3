import { fromPromise } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { ReadAnswer, ReadInput, WeighAnswer } from "../domain/phase1.ts";
import type { SessionFacts } from "../domain/session.ts";
import type { Evidence } from "../extraction/index.ts";
import type { SessionFile, Utterance } from "../transcripts/reader.ts";
import { takesInOutsideWords } from "../transcripts/tools.ts";
import { ageOf } from "./locate-session.ts";
import type { LearningDeps, RunCache } from "./run-cache.ts";

/**
 * Reads the session line by line, however large it is; what is kept is bounded and free of secrets. The last word decides
 * once more whether the session is at rest: the ends of a file do not always tell.
 */
export function readEvidence(deps: LearningDeps, cache: RunCache) {
  return fromPromise<ReadAnswer, ReadInput & { force: boolean }>(async ({ input, signal }) => {
    const { space, key, fingerprint, force } = input;
    const session = await cache.session(key, space);
    if (session.fingerprint !== fingerprint) throw changed();
    const { evidence, facts, hasOutsideWords } = await readSession(deps, session, cache.facts(), signal);
    cache.keepEvidence(evidence, facts, hasOutsideWords);
    const age = force ? null : ageOf(facts.saidAt ?? session.changedAt, deps, deps.clock.nowMs());
    if (age !== null) return age;
    const { redacted, leftOut, rows } = evidence;
    const { persons, tools } = facts;
    const counts = { persons: persons ?? 0, tools: tools ?? 0, rows: rows.length, redacted, leftOut };
    return { kind: "read", fingerprint, ...counts };
  });
}

/** What the session says, and what it says of itself. */
export async function readSession(
  { readers, rules, clock }: Pick<LearningDeps, "readers" | "rules" | "clock">,
  session: SessionFile,
  facts: SessionFacts,
  signal?: AbortSignal,
): Promise<{ readonly evidence: Evidence; readonly facts: SessionFacts; readonly hasOutsideWords: boolean }> {
  const reader = readers[session.agent];
  if (reader === undefined) throw changed();
  const count: Counts = { persons: 0, tools: 0, saidAt: facts.saidAt, outside: 0 };
  const now = () => clock.monotonicMs();
  const reading = reader.read(session, { now, ...(signal === undefined ? {} : { signal }) });
  const evidence = await rules.gather(counted(reading, count));
  const { outside, ...known } = count;
  return { evidence, facts: { ...facts, ...known }, hasOutsideWords: outside > 0 };
}

interface Counts {
  persons: number;
  tools: number;
  saidAt: number | null;
  /** Calls that took words in from the web or from an MCP server. */
  outside: number;
}

async function* counted(utterances: AsyncIterable<Utterance>, count: Counts): AsyncGenerator<Utterance> {
  for await (const utterance of utterances) {
    if (utterance.tier === "person") count.persons += 1;
    if (utterance.tier === "tool") count.tools += 1;
    if (utterance.tool !== undefined && takesInOutsideWords(utterance.tool.name)) count.outside += 1;
    if (utterance.at !== null && utterance.tier !== "context") {
      count.saidAt = Math.max(count.saidAt ?? 0, utterance.at);
    }
    yield utterance;
  }
}

/** A model is not asked about a greeting. */
const FEW_CHARACTERS = 40;

/** Whether there is anything to learn. Rules judge for themselves and cost nothing; before an agent is paid, more is asked. */
export function weighEvidence({ runner, settings }: LearningDeps, cache: RunCache) {
  return fromPromise<WeighAnswer, ReadInput>(async ({ input }) => {
    const { rows } = await cache.evidence(input);
    if (!settings.includeExternal && cache.hasOutsideWords()) return { kind: "none", verdict: "polluted" };
    const spoken = rows.filter(({ tier }) => tier === "person");
    if (spoken.length === 0) return { kind: "none", verdict: "nobody_spoke" };
    const isGreeting =
      !rows.some(({ tier }) => tier === "tool") &&
      spoken.reduce((length, { text }) => length + text.length, 0) < FEW_CHARACTERS;
    return runner !== null && isGreeting ? { kind: "none", verdict: "no_signal" } : { kind: "worth" };
  });
}

function changed(): SlowwaveError {
  return new SlowwaveError(
    "session_changed",
    "The session went on while it was learned; it is learned anew.",
  );
}
