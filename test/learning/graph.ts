import { getAdjacencyMap } from "@xstate/graph";
import type { AnyMachineSnapshot, EventObject } from "xstate";
import { LEARN_DEFAULTS, type Phase1Event } from "../../src/domain/phase1.ts";
import { dotted } from "../../src/durable/transition.ts";
import { type Phase1Context, type Phase1Input, phase1Machine } from "../../src/machines/phase1.ts";
import type { Graph, Vertex } from "../paths/graph.ts";
import { namedTransitions } from "../paths/transitions.ts";

export const INPUT: Phase1Input = {
  run: "run",
  space: "global",
  key: "claude-1",
  token: "token",
  extractor: "rules",
  force: false,
  again: false,
  deadlineAtMs: null,
  settings: LEARN_DEFAULTS,
  maxRepairs: 1,
};

interface Happening {
  readonly name: string;
  readonly event: EventObject;
}

const read = { kind: "read", fingerprint: "f", persons: 1, tools: 2, rows: 4, redacted: 0, leftOut: 0 };
const found = { findings: 0, codes: [] };

/** Every class of answer of every invoked actor, by invoke id: outputs, and errors by their code. */
export const ANSWERS: Readonly<Record<string, readonly Happening[]>> = {
  claimSession: [
    done("claimSession", "claimed", { kind: "claimed", watermark: 20 }),
    ...(["unknown", "forgotten", "up-to-date", "exhausted", "backing-off", "running", "capped"] as const).map(
      (why) => done("claimSession", why, { kind: "skipped", why }),
    ),
    broke("claimSession"),
  ],
  locateSession: [
    done("locateSession", "found", { kind: "found", fingerprint: "f" }),
    ...(["gone", "excluded", "not_idle", "too_old", "subagent", "own", "headless"] as const).map((verdict) =>
      done("locateSession", verdict, { kind: "skip", verdict, until: null }),
    ),
    broke("locateSession"),
    broke("locateSession", "session_unknown_format"),
  ],
  readEvidence: [
    done("readEvidence", "read", read),
    done("readEvidence", "not_idle", { kind: "skip", verdict: "not_idle", until: 7 }),
    broke("readEvidence"),
    broke("readEvidence", "session_unknown_format"),
  ],
  weighEvidence: [
    done("weighEvidence", "worth", { kind: "worth" }),
    done("weighEvidence", "nobody spoke", { kind: "none", verdict: "nobody_spoke" }),
    broke("weighEvidence"),
  ],
  extractNote: [
    done("extractNote", "note", { kind: "note", bytes: 9 }),
    done("extractNote", "no signal", { kind: "none", verdict: "no_signal" }),
    broke("extractNote"),
    broke("extractNote", "failed_budget"),
  ],
  checkNote: [
    done("checkNote", "passed", { verdict: "passed", ...found }),
    done("checkNote", "empty", { verdict: "empty", ...found }),
    done("checkNote", "repairable", { verdict: "repairable", ...found }),
    done("checkNote", "refused", { verdict: "refused", findings: 1, codes: ["note_not_json"] }),
    broke("checkNote"),
  ],
  recordNote: [
    done("recordNote", "applied", "applied"),
    done("recordNote", "already", "already"),
    done("recordNote", "forgotten", "forgotten"),
    done("recordNote", "lost", "lost"),
    broke("recordNote"),
  ],
  recordSkip: [
    done("recordSkip", "applied", "applied"),
    done("recordSkip", "lost", "lost"),
    broke("recordSkip"),
  ],
  closeExtractor: [done("closeExtractor", "closed", undefined), broke("closeExtractor")],
  recordFailure: [
    done("recordFailure", "applied", "applied"),
    done("recordFailure", "lost", "lost"),
    broke("recordFailure"),
  ],
};

const SPOKEN: readonly Happening[] = [
  said({ type: "cancel" }),
  said({ type: "lease.lost", why: "another worker owns the job" }),
  said({ type: "lease.uncertain", why: "the store is busy" }),
  said({ type: "budget.reached", why: "too long" }),
];

export const ALPHABET = [...Object.values(ANSWERS).flat(), ...SPOKEN];

function done(id: string, name: string, output: unknown): Happening {
  return {
    name: `${id}: ${name}`,
    event: { type: `xstate.done.actor.${id}`, output, actorId: id } as EventObject,
  };
}

function broke(id: string, code = "EIO"): Happening {
  const error = { name: "SlowwaveError", message: `it broke (${code})`, code };
  return {
    name: `${id}: ${code}`,
    event: { type: `xstate.error.actor.${id}`, error, actorId: id } as EventObject,
  };
}

function said(event: Phase1Event): Happening {
  return { name: event.type, event };
}

/** What may happen here: the answers of those who are at work, and what may be said while somebody listens. */
function happenings(snapshot: AnyMachineSnapshot): readonly Happening[] {
  if (snapshot.status !== "active") return [];
  const alive = Object.keys(snapshot.children);
  const answers = alive.flatMap((id) => ANSWERS[id] ?? []);
  // Before the claim nobody keeps a lease or a deadline.
  const spoken = SPOKEN.filter(({ name }) => name === "cancel" || !snapshot.matches("claiming"));
  return [...answers, ...spoken];
}

export function keyOf(snapshot: AnyMachineSnapshot): string {
  const value = dotted(snapshot.value);
  const { repairs, cancelled, none, skip, status } = snapshot.context as Phase1Context;
  return [
    value,
    ...(/^(extracting|checking)/.test(value) ? [`repairs ${repairs}`] : []),
    ...(cancelled ? ["cancelled"] : []),
    ...(none === null ? [] : ["no note"]),
    ...(skip === null || !value.startsWith("skip") ? [] : [skip.verdict]),
    ...(status === null ? [] : [status]),
  ].join(" · ");
}

export const transitions = namedTransitions(phase1Machine);

/** Everything that can happen to a run of phase 1. */
export function phase1Graph(): Graph {
  const options = {
    input: INPUT,
    events: (snapshot: AnyMachineSnapshot) => happenings(snapshot).map(({ event }) => event),
    serializeState: keyOf,
  };
  const adjacency = getAdjacencyMap(phase1Machine as never, options as never) as unknown as Record<
    string,
    {
      state: AnyMachineSnapshot;
      transitions: Record<string, { event: EventObject; state: AnyMachineSnapshot }>;
    }
  >;
  const names = new Map(ALPHABET.map(({ name, event }) => [JSON.stringify(event), name]));
  const vertices = new Map<string, Vertex>();
  for (const [key, { state, transitions: outgoing }] of Object.entries(adjacency)) {
    const edges = Object.values(outgoing).map(({ event, state: next }) => ({
      from: key,
      to: keyOf(next),
      name: names.get(JSON.stringify(event)) ?? event.type,
      event,
      transitions: transitions.taken(state, event).map(({ id }) => id),
    }));
    vertices.set(key, { key, snapshot: state, value: dotted(state.value), edges });
  }
  const [start = ""] = vertices.keys();
  return { start, vertices, edges: [...vertices.values()].flatMap(({ edges }) => edges) };
}
