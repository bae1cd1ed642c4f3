import type { Observable } from "rxjs";
import { type AgentEvent, type AgentUsage, isFinal } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { AgentMeter } from "../domain/usage.ts";
import { maskRanges, secretRanges, withoutSecrets } from "../text/redact.ts";
import { plainText } from "../text/sanitize.ts";

/** Something an agent said. */
export interface Utterance {
  readonly type: "agent.message" | "agent.thought" | "agent.tool";
  readonly text: string;
  /** Of the tool. */
  readonly name?: string;
}

/** What is kept of an agent's talk: without secrets, its beginning and its end, however much lies between. */
export interface Transcript {
  add(utterance: Utterance): void;
  /** The turn is over: what is held back is kept now, and the closing message in any case. */
  close(message: string | null): void;
}

/** How much of a run's transcript is filled; of all its agents together. */
export interface TranscriptBudget {
  notes: number;
  length: number;
}

export interface TranscriptOptions {
  readonly clock: Clock;
  readonly transcriptBudget?: TranscriptBudget;
  note(type: Utterance["type"], data: { readonly text: string; readonly name?: string }): void;
}

export const MOST_NOTES = 1_000;
export const MOST_LENGTH = 256 * 1024;
const TEXT_LENGTH = 2_000;
/** Of what comes after that, the end of each turn. */
const TAIL_NOTES = 100;
/** Looked at for secrets, before it is cut to what is kept. */
const READ_LENGTH = 8 * 1024;
/** Of what was said before: a key may come in many lines. */
const CONTEXT_LENGTH = 4 * 1024;
/** A text that ends in the middle of a word waits this long for the rest of it. */
const BUFFER_MS = 2_000;
const MOST_BUFFERED = 64;

export function transcript({
  clock,
  note,
  transcriptBudget = { notes: 0, length: 0 },
}: TranscriptOptions): Transcript {
  const contexts = new Map<Utterance["type"], string>();
  /** All of one type, the last of them perhaps cut off. */
  let buffered: Utterance[] = [];
  let timer: unknown = null;
  let last: Utterance[] = [];
  let dropped = 0;

  function buffer(utterance: Utterance): void {
    if (buffered[0] !== undefined && buffered[0].type !== utterance.type) release();
    buffered.push(utterance);
    // A tool is told of as a whole.
    const isWhole = utterance.type === "agent.tool" || !isCutOff(textOf(buffered));
    if (isWhole || buffered.length > MOST_BUFFERED) release();
    else timer ??= clock.setTimeout(release, BUFFER_MS);
  }

  function release(): void {
    if (timer !== null) clock.clearTimeout(timer);
    timer = null;
    const all = buffered;
    buffered = [];
    for (const utterance of withoutSecrets(all)) keep(utterance);
  }

  /** All of one type. A secret may lie across several of them, or begin in what was said before. */
  function withoutSecrets(all: readonly Utterance[]): readonly Utterance[] {
    const [first] = all;
    if (first === undefined) return [];
    const before = contexts.get(first.type) ?? "";
    const joined = before + textOf(all);
    contexts.set(first.type, joined.slice(-CONTEXT_LENGTH));
    const ranges = secretRanges(joined);
    let at = before.length;
    return all.map((utterance) => {
      const text = maskRanges(utterance.text, at, ranges);
      at += utterance.text.length;
      return { ...utterance, text };
    });
  }

  function keep({ type, text, name }: Utterance): void {
    const kept = plainText(text, TEXT_LENGTH);
    transcriptBudget.notes += 1;
    transcriptBudget.length += kept.length;
    note(type, name === undefined ? { text: kept } : { name, text: kept });
  }

  /** Not looked at before the end of the turn: who floods us must not cost us the time to read it. */
  function keepForEnd(utterance: Utterance): void {
    last.push(utterance);
    if (last.length < 2 * TAIL_NOTES) return;
    dropped += last.length - TAIL_NOTES;
    last = last.slice(-TAIL_NOTES);
  }

  function keepEnd(): void {
    const end = last.slice(-TAIL_NOTES);
    dropped += last.length - end.length;
    if (dropped > 0) {
      const count = `${dropped.toLocaleString("en-US")} ${dropped === 1 ? "line is" : "lines are"}`;
      note("agent.message", { text: `(${count} not kept here)` });
      // What was said just before is not known any more.
      contexts.clear();
    }
    for (const group of inGroups(end)) for (const utterance of withoutSecrets(group)) keep(utterance);
    last = [];
    dropped = 0;
  }

  return {
    add({ type, text, name }) {
      const plain = plainText(text, READ_LENGTH);
      const utterance = { type, text: plain, ...(name === undefined ? {} : { name: plainText(name, 100) }) };
      if (transcriptBudget.notes < MOST_NOTES && transcriptBudget.length < MOST_LENGTH)
        return buffer(utterance);
      release();
      keepForEnd(utterance);
    },
    close(message) {
      release();
      keepEnd();
      if (message === null) return;
      buffered = [{ type: "agent.message", text: plainText(message, READ_LENGTH) }];
      release();
    },
  };
}

function textOf(all: readonly Utterance[]): string {
  return all.map(({ text }) => text).join("");
}

/** The rest of a secret may follow: it ends in what is no word or file name, or right after the name of a secret. */
function isCutOff(text: string): boolean {
  const end = text.slice(-400);
  return !WHOLE.test(/\S*$/.exec(end)?.[0] ?? "") || SECRET_TO_COME.test(end);
}

const WHOLE = /^(?:\p{L}*|[\p{L}\p{N}]{1,8}|[\w./~-]+\.[a-z]{1,5}|.*[.,;:!?…)\]}"'`])$/u;
const SECRET_TO_COME =
  /(?:passw(?:or)?d|passphrase|secret|token|key|bearer|basic|authorization)["'`]?\s{0,4}(?:[:=]\s{0,4}["'`]?)?\S{0,40}$/i;

/** Neighbours of one type. */
function inGroups(all: readonly Utterance[]): readonly (readonly Utterance[])[] {
  const groups: Utterance[][] = [];
  for (const utterance of all) {
    const group = groups.at(-1);
    if (group?.[0]?.type === utterance.type) group.push(utterance);
    else groups.push([utterance]);
  }
  return groups;
}

export interface NoteDeps {
  readonly holder: Pick<LeaseHolder, "recordEvent">;
  readonly clock: Clock;
  /** Fed here, before anybody else hears the event. */
  readonly meter: AgentMeter;
  readonly transcriptBudget?: TranscriptBudget;
}

/** What was used is written down this often while it changes, so that a crash loses little of it. */
const NOTE_USED_MS = 10_000;

/**
 * Keeps what an agent says as observations in the run's log: bounded, without secrets and control characters
 * (`transcript.ts`), and what it has used. Statuses are not noted here: the watching actor tells them to the
 * machine. Throws when the stream can't be followed.
 */
export function noteAgent(events$: Observable<AgentEvent>, deps: NoteDeps): void {
  const { holder, clock, meter, transcriptBudget = { notes: 0, length: 0 } } = deps;
  const talk = transcript({ clock, transcriptBudget, note: (type, data) => holder.recordEvent(type, data) });
  let unsaid: AgentUsage | null = null;
  let noted = JSON.stringify(meter.used());
  let notedAtMs = clock.monotonicMs();
  let subscribing = true;
  let failure: unknown = null;

  function onEvent(event: AgentEvent): void {
    if (event.type === "agent.usage") {
      if (transcriptBudget.notes >= MOST_NOTES) unsaid = event.usage;
      else noteUsage(event.usage);
    } else if (event.type === "agent.tool") {
      talk.add({ type: event.type, name: withoutSecrets(event.name.slice(0, 400)), text: event.text });
    } else if (event.type === "agent.message" || event.type === "agent.thought") {
      talk.add(event);
    } else if (isFinal(event)) {
      if (unsaid !== null) noteUsage(unsaid);
      unsaid = null;
      talk.close(event.type === "agent.completed" ? event.message : null);
    }
    if (isFinal(event) || clock.monotonicMs() - notedAtMs >= NOTE_USED_MS) noteUsed();
  }

  function noteUsage(usage: AgentUsage): void {
    transcriptBudget.notes += 1;
    holder.recordEvent("agent.usage", { usage });
  }

  function noteUsed(): void {
    notedAtMs = clock.monotonicMs();
    const used = meter.used();
    const text = JSON.stringify(used);
    if (text !== noted) holder.recordEvent("budget.used", { used });
    noted = text;
  }

  /** A note decides nothing: that it can't be kept must not end the agent, nor this process. */
  function quietly(work: () => void): void {
    try {
      work();
    } catch {}
  }

  events$.subscribe({
    next(event) {
      meter.count(event);
      quietly(() => onEvent(event));
    },
    // Later ones are told to the machine by the watching actor, which follows the same stream.
    error(error: unknown) {
      if (subscribing) failure = error ?? new Error("the stream failed");
      else quietly(end);
    },
    complete: () => quietly(end),
  });
  subscribing = false;
  if (failure !== null) throw failure;

  function end(): void {
    talk.close(null);
    noteUsed();
  }
}
