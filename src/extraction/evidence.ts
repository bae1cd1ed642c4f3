import { readableText } from "../text/sanitize.ts";
import { tokensOf } from "../text/tokens.ts";
import { type SessionFile, TIERS, type Tier, type ToolCall, type Utterance } from "../transcripts/reader.ts";

/** What of a session stands in its note. */
export type NotedSession = Pick<
  SessionFile,
  "agent" | "key" | "path" | "cwd" | "branch" | "version" | "headless" | "firstAt" | "saidAt" | "changedAt"
>;

/** An utterance that is kept: without secrets, shortened to what a row may have. */
export interface EvidenceRow extends Utterance {
  /** Counted from 0 in the order of the session. */
  readonly position: number;
}

/** What was read from one session: the rows in its order, never more of them than the budget. */
export interface Evidence {
  readonly rows: readonly EvidenceRow[];
  /** Secrets that were replaced. */
  readonly redacted: number;
  /** Rows that the budget had no room for. */
  readonly leftOut: number;
}

interface EvidenceLimits {
  /** Of all rows together. */
  readonly tokens: number;
  /** Of one row's text, and of what a tool was asked. */
  readonly rowBytes: number;
  /** Of what a tool gave back. */
  readonly toolTokens: number;
}

const EVIDENCE_LIMITS: EvidenceLimits = { tokens: 150_000, rowBytes: 10_000, toolTokens: 2_000 };

/**
 * Keeps of a session what its budget allows: the tiers in their order, within a tier the newest first, told in the order
 * of the session. Each utterance is freed of secrets before it is kept. Memory stays flat, however long the session is.
 */
export async function gatherEvidence(
  utterances: AsyncIterable<Utterance>,
  limits: Partial<EvidenceLimits> = {},
): Promise<Evidence> {
  const { tokens, rowBytes, toolTokens } = { ...EVIDENCE_LIMITS, ...limits };
  // The rules for secrets take a fifth of a second to load: who only lists sessions does without.
  const { redact } = await import("../text/redact.ts");
  const kept = new Map<Tier, Pile>(TIERS.map((tier) => [tier, new Pile(tokens)]));
  let position = 0;
  let redacted = 0;
  const clean = (text: string, bytes: number) => {
    // Cut twice: a rule must not run over megabytes, and must not be given half of a secret that is kept.
    const { text: free, count } = redact(readableText(shorten(text, bytes * 4)));
    redacted += count;
    return shorten(free, bytes);
  };
  for await (const utterance of utterances) {
    const isTool = utterance.tier === "tool";
    const text = clean(utterance.text, isTool ? Math.min(rowBytes, toolTokens * BYTES_PER_TOKEN) : rowBytes);
    const tool =
      utterance.tool === undefined
        ? {}
        : { tool: cleanCall(utterance.tool, (given) => clean(given, rowBytes)) };
    kept.get(utterance.tier)?.add({ ...utterance, ...tool, text, position });
    position += 1;
  }
  const rows: EvidenceRow[] = [];
  let left = tokens;
  for (const tier of TIERS) {
    const taken = kept.get(tier)?.newest(left) ?? [];
    left -= taken.reduce((sum, row) => sum + sizeOf(row), 0);
    rows.push(...taken);
  }
  rows.sort((a, b) => a.position - b.position);
  return { rows, redacted, leftOut: position - rows.length };
}

const BYTES_PER_TOKEN = 4;
const MOST_FILES = 50;

function cleanCall(call: ToolCall, clean: (text: string) => string): ToolCall {
  return {
    ...call,
    name: clean(call.name).slice(0, 100),
    input: clean(call.input),
    command: call.command === null ? null : clean(call.command),
    files: call.files.slice(0, MOST_FILES).map(clean),
  };
}

function sizeOf({ text, tool }: EvidenceRow): number {
  return tokensOf(text) + (tool === undefined ? 0 : tokensOf(tool.input)) + 8;
}

/** The newest rows of one tier, never many more than the whole budget has room for. */
class Pile {
  readonly #most: number;
  #rows: EvidenceRow[] = [];
  #sizes: number[] = [];
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(row: EvidenceRow): void {
    const size = sizeOf(row);
    this.#rows.push(row);
    this.#sizes.push(size);
    this.#size += size;
    // Only now and then, since taking away at the front moves all others.
    if (this.#size <= this.#most * 2) return;
    const from = this.#firstWithin(this.#most);
    this.#rows = this.#rows.slice(from);
    this.#sizes = this.#sizes.slice(from);
    this.#size = this.#sizes.reduce((sum, next) => sum + next, 0);
  }

  newest(tokens: number): readonly EvidenceRow[] {
    return this.#rows.slice(this.#firstWithin(tokens));
  }

  #firstWithin(tokens: number): number {
    let left = tokens;
    let from = this.#rows.length;
    while (from > 0 && left >= (this.#sizes[from - 1] ?? 0)) left -= this.#sizes[--from] ?? 0;
    return from;
  }
}

/** The beginning and the end of a text that is too long, cut between words, with a mark between. */
export function shorten(text: string, bytes: number): string {
  if (text.length <= bytes / 4 || Buffer.byteLength(text) <= bytes) return text;
  const half = Math.floor((bytes - CUT.length) / 2);
  const head = textWithin(text.slice(0, half), half).replace(/\S{1,200}$/, "");
  const tail = textWithin(text.slice(-half), half, true).replace(/^\S{1,200}/, "");
  return `${head}${CUT}${tail}`;
}

const CUT = "\n[…]\n";

function textWithin(text: string, bytes: number, fromEnd = false): string {
  let part = text;
  for (let over = Buffer.byteLength(part) - bytes; over > 0; over = Buffer.byteLength(part) - bytes) {
    const cut = Math.max(1, Math.ceil(over / 3));
    part = fromEnd ? part.slice(cut) : part.slice(0, -cut);
  }
  return part.toWellFormed();
}
