import type { Tier, ToolCall, Utterance } from "./reader.ts";

/** A tool that was asked and has not answered yet. */
interface OpenCall {
  readonly at: number | null;
  readonly call: ToolCall;
}

export interface ToolAnswer {
  readonly text: string;
  readonly ok: boolean | null;
  /** Files that only the answer tells of. */
  readonly files?: readonly string[];
}

/** Calls that wait for their answer; a session that never answers keeps the last ones only. */
const MAX_OPEN_CALLS = 1_000;

/**
 * Puts what the records of any agent say into utterances. An answer of the agent is its *final* one when a person speaks
 * next or nothing follows, and *commentary* when the agent goes on; so one answer is held until that is known. A tool is
 * told of with its answer, which may stand anywhere behind the call.
 */
export class Conversation {
  #answer: { readonly at: number | null; readonly texts: string[] } | null = null;
  readonly #calls = new Map<string, OpenCall>();

  *utter(
    tier: Exclude<Tier, "final" | "commentary" | "tool">,
    at: number | null,
    text: string,
  ): Generator<Utterance> {
    // What a program adds beside the talk ends no turn.
    if (tier !== "context") yield* this.#release("final");
    yield { tier, at, text };
  }

  /** The agent said something. `phase` is given where the record itself tells whether its turn ends with it. */
  *answer(
    at: number | null,
    text: string,
    phase: "final" | "commentary" | null = null,
  ): Generator<Utterance> {
    yield* this.#release("commentary");
    if (phase === null) this.#answer = { at, texts: [text] };
    else yield { tier: phase, at, text };
  }

  /** A further block of the answer that is held, or of a new one. */
  *continueAnswer(at: number | null, text: string): Generator<Utterance> {
    if (this.#answer === null) yield* this.answer(at, text);
    else this.#answer.texts.push(text);
  }

  *call(id: string, at: number | null, call: ToolCall): Generator<Utterance> {
    yield* this.#release("commentary");
    const [oldest] = this.#calls.keys();
    if (oldest !== undefined && this.#calls.size >= MAX_OPEN_CALLS) yield* this.#close(oldest, null);
    if (this.#calls.has(id)) yield* this.#close(id, null);
    this.#calls.set(id, { at, call });
  }

  *result(id: string, answer: ToolAnswer): Generator<Utterance> {
    yield* this.#close(id, answer);
  }

  /** The record is over: whatever was held is told now. */
  *end(): Generator<Utterance> {
    for (const id of [...this.#calls.keys()]) yield* this.#close(id, null);
    yield* this.#release("final");
  }

  *#close(id: string, answer: ToolAnswer | null): Generator<Utterance> {
    const open = this.#calls.get(id);
    if (open === undefined) return;
    this.#calls.delete(id);
    const ok = answer === null ? open.call.ok : answer.ok;
    const files = answer?.files ?? open.call.files;
    yield { tier: "tool", at: open.at, text: answer?.text ?? "", tool: { ...open.call, ok, files } };
  }

  *#release(tier: "final" | "commentary"): Generator<Utterance> {
    if (this.#answer === null) return;
    const { at, texts } = this.#answer;
    this.#answer = null;
    yield { tier, at, text: texts.join("\n\n") };
  }
}
