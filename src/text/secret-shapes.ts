/**
 * Shapes of secrets that the rule set of secretlint leaves to others, because a linter must not cry wolf and an
 * importer must not leak: headers, assignments, key blocks, tokens without a checksum.
 *
 * Group 1, where there is one, is kept: it says what the secret was. Every repetition is bounded or cannot
 * overlap with what follows it, so that each shape takes linear time on hostile text.
 */
export interface SecretShape {
  readonly name: string;
  readonly pattern: RegExp;
  /** A second look at the secret itself, where the shape alone would also catch code and prose. */
  readonly isSecret?: (value: string) => boolean;
}

export const SECRET_SHAPES: readonly SecretShape[] = [
  {
    name: "private key",
    pattern:
      /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----))*-----END [^-\n]{0,60}-----/g,
  },
  {
    // Without its end: the lines that still look like a key.
    name: "private key, cut off",
    pattern:
      /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?:\s|\\[nr]){0,4}[A-Za-z0-9+/=]{12,})*/g,
  },
  {
    name: "authorization header",
    pattern:
      /\b((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic|token|digest|apikey)\s{1,4})[A-Za-z0-9._~+/=-]{6,4096}/gi,
  },
  { name: "bearer token", pattern: /\b(bearer\s{1,4})[A-Za-z0-9._~+/=-]{16,4096}/gi, isSecret: isMixed },
  {
    name: "cookie",
    pattern:
      /\b((?:set-)?cookie["']?\s{0,4}:\s{0,4}["']?[\w.-]{0,60}(?:sess|auth|token|sid)[\w.-]{0,60}=)[^\s;"']{8,4096}/gi,
  },
  {
    name: "API key header",
    pattern:
      /\b(x-(?:api-key|auth-token|access-token|vault-token)["']?\s{0,4}[:=]\s{0,4}["']?)[^\s"',;]{8,4096}/gi,
    isSecret: isValue,
  },
  {
    name: "password in a URL",
    pattern: /\b([a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/@"'<>]{0,200}:)[^\s/@"'<>]{1,400}(?=@)/gi,
    isSecret: isValue,
  },
  { name: "JSON web token", pattern: /\beyJ[\w-]{8,8192}\.[\w-]{8,8192}(?:\.[\w-]{0,8192})?/g },
  { name: "AWS key id", pattern: /\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g },
  { name: "GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255})/g },
  { name: "GitLab token", pattern: /\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w-]{16,255}/g },
  {
    name: "model provider key",
    pattern: /\bsk-(?:(?:ant|proj|or|svcacct|admin)-)?[\w-]{16,255}/g,
    isSecret: isMixed,
  },
  { name: "Slack token", pattern: /\bxox[abeoprs]-[\w-]{10,255}|\bxapp-\d-[\w-]{10,255}/g },
  { name: "Google key", pattern: /\bAIza[\w-]{30,60}|\bGOCSPX-[\w-]{20,60}|\bya29\.[\w-]{20,2048}/g },
  {
    name: "Stripe key",
    pattern: /\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}|\bwhsec_[A-Za-z0-9+/=]{20,255}/g,
  },
  { name: "npm token", pattern: /\bnpm_[A-Za-z0-9]{30,60}/g },
  {
    name: "registry token",
    pattern: /(_auth(?:Token)?\s{0,4}=\s{0,4}["']?)[^\s"']{8,4096}/g,
    isSecret: isValue,
  },
  { name: "Hugging Face token", pattern: /\bhf_[A-Za-z0-9]{30,60}/g },
  { name: "PyPI token", pattern: /\bpypi-[\w-]{40,400}/g },
  { name: "Telegram token", pattern: /\b\d{8,10}:AA[\w-]{33}\b/g },
  { name: "age key", pattern: /\bAGE-SECRET-KEY-1[A-Z0-9]{58}/g },
  {
    name: "assigned secret",
    pattern:
      /(?<![A-Za-z0-9])((?:[A-Za-z0-9]{1,40}[_.-]){0,5}[A-Za-z0-9]{0,40}(?:passwords?|passwd|pwd|passphrase|secret(?:[_-]?key)?|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|client[_-]?secret|credentials?|token)\\?["'`]?\s{0,4}(?::=|=>|[:=])\s{0,4}(?:["'`]|\\["'])?)[^\s"'`,;\\]{6,4096}/gi,
    isSecret: isValue,
  },
  {
    name: "quoted password",
    pattern: /((?:password|passwd|pwd|passphrase)["'`]?\s{0,4}[:=]\s{0,4}["'`])[^\s"'`\\]{6,4096}(?=["'`])/gi,
    isSecret: isConcrete,
  },
  {
    name: "password in the environment",
    pattern: /((?:PASSWORD|PASSWD|PASSPHRASE|SECRET)=["']?)[^\s"'`,;\\]{6,4096}/g,
    isSecret: isConcrete,
  },
  {
    name: "secret argument",
    pattern: /(?<![\w-])(--(?:password|passwd|token|api-key|secret|access-token)[= ]["']?)[^\s"']{6,4096}/g,
    isSecret: isValue,
  },
];

/** Prose and identifiers don't mix digits with letters over such a length. */
function isMixed(value: string): boolean {
  return /\d/.test(value) && /[A-Za-z]/.test(value);
}

/** Concrete, and more than a word. */
function isValue(value: string): boolean {
  return isConcrete(value) && (isMixed(value) || /[^\w.:/-]/.test(value));
}

/** Not a reference to a secret (`$TOKEN`, `process.env.X`, `getToken()`), a type or a placeholder. */
function isConcrete(value: string): boolean {
  return !REFERENCE.test(value) && !PLACEHOLDER.test(value);
}

const REFERENCE =
  /^[$<{[(%*&!]|[(){}<>[\]|]|^(?:process|os|env|config|settings|self|this|import|secrets|vars)\./i;
const PLACEHOLDER =
  /^(.)\1*$|^(?:your|my|example|dummy|placeholder|change|redacted|none|null|undefined|string|required|optional|password)/i;

export const REDACTED = "[REDACTED_SECRET]";

export type Range = readonly [from: number, to: number];

export interface ShapedSecret {
  readonly from: number;
  readonly to: number;
  /** The name of the shape. */
  readonly kind: string;
}

/** Where the text has one of these shapes. What is redacted already is none. */
export function shapedSecrets(text: string): readonly ShapedSecret[] {
  const found: ShapedSecret[] = [];
  for (const { name, pattern, isSecret } of SECRET_SHAPES) {
    for (const match of text.matchAll(pattern)) {
      const from = match.index + (match[1]?.length ?? 0);
      const to = match.index + match[0].length;
      const value = text.slice(from, to);
      if (!value.includes(REDACTED) && isSecret?.(value) !== false) found.push({ from, to, kind: name });
    }
  }
  return found;
}

/** Replaces what has one of these shapes; `redact` of `redact.ts` also knows the rules of secretlint, which take longer to load. */
export function withoutShapedSecrets(text: string): string {
  return maskRanges(text, 0, disjoint(shapedSecrets(text).map(({ from, to }) => [from, to])));
}

/** A piece that begins at `at` of the text these ranges are of, with what they cover replaced. */
export function maskRanges(piece: string, at: number, ranges: readonly Range[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const [from, to] of ranges) {
    const [start, end] = [Math.max(done, from - at), Math.min(piece.length, to - at)];
    if (end <= start) continue;
    parts.push(piece.slice(done, start), REDACTED);
    done = end;
  }
  return [...parts, piece.slice(done)].join("");
}

/** In order, and those that overlap as one. */
export function disjoint(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last === undefined || range[0] >= last[1]) merged.push(range);
    else merged[merged.length - 1] = [last[0], Math.max(last[1], range[1])];
  }
  return merged;
}
