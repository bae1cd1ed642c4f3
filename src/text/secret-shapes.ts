/**
 * Shapes of secrets that the rule set of secretlint leaves to others, because a linter must not cry wolf and an
 * importer must not leak: headers, assignments, key blocks, tokens without a checksum, passwords on command lines and in
 * prose.
 *
 * Group 1, where there is one, is kept: it says what the secret was. A shape begins once in a run of the characters it
 * repeats, every repetition is bounded or cannot overlap with what follows it: each takes linear time on hostile text.
 */
interface SecretShape {
  readonly name: string;
  readonly pattern: RegExp;
  /** A second look at the secret itself, where the shape alone would also catch code and prose. */
  readonly isSecret?: (value: string) => boolean;
}

const SECRET_SHAPES: readonly SecretShape[] = [
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
      /\b(x-(?:api-key|auth-token|access-token|vault-token|goog-api-key|amz-security-token)["']?\s{0,4}[:=]\s{0,4}["']?)[^\s"',;]{8,4096}/gi,
    isSecret: isValue,
  },
  {
    name: "password in a URL",
    pattern: /\b([a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/@"'<>]{0,200}:)[^\s/@"'<>]{1,400}(?=@)/gi,
    isSecret: isValue,
  },
  {
    name: "signature in a URL",
    pattern:
      /([?&;](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|access_token|refresh_token|auth_token|api_?key|client_secret|secret|token|password|passwd|pwd)=)[^\s&"'<>#)\]]{8,4096}/gi,
    isSecret: isValue,
  },
  {
    name: "webhook address",
    pattern:
      /(\b(?:discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/\d{5,25}\/|hooks\.slack\.com\/(?:services|workflows|triggers)\/|hooks\.zapier\.com\/hooks\/catch\/|[\w-]{1,60}\.webhook\.office\.com\/webhookb2\/))[\w@/-]{16,400}/gi,
  },
  {
    name: "storage key",
    pattern:
      /\b((?:Account|SharedAccess|SharedSecret|AccessKey|PrimaryKey|SecondaryKey)Key\s{0,4}=\s{0,4}["']?)[A-Za-z0-9+/]{20,200}={0,2}/gi,
  },
  // Only where a run of its own characters begins: from each of many starts, the rest would be read again.
  { name: "JSON web token", pattern: /(?<![\w-])eyJ[\w-]{8,8192}\.[\w-]{8,8192}(?:\.[\w-]{0,8192})?/g },
  { name: "AWS key id", pattern: /\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g },
  {
    // A word and an underscore, hyphen or dot that a vendor begins its tokens with.
    name: "vendor token",
    pattern:
      /(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|soat|oas|imt|agent)-|xox[abeoprs]-|xapp-|npm_|hf_|pypi-|mem0_|m0-|hsk-|xai-|gsk_|pplx-|nvapi-|tvly-|r8_|jina_|sbp_|sb_secret_|dp\.(?:pt|st|ct|sa|scim|audit)\.|lin_(?:api|oauth)_|hv[sbr]\.|do[opr]_v1_|shp(?:at|ss|ca|pa)_|ntn_|secret_|figd_|nfp_|sntry[su]_|phx_|gl(?:sa|c)_|ATATT3|ATCTT3|ATBB|pscale_(?:tkn|pw|oauth)_|pnu_|pul-|CCIPAT_|bkua_|dckr_[po]at_|rubygems_|CLOJARS_|sq0[a-z]{3}-|NRAK-|dt0[a-z]\d\d\.|CFPAT-|HRKU-|tskey-|FlyV1\s|fo1_|ops_eyJ|sk-lf-|lsv2_(?:pt|sk)_|whsec_|GOCSPX-|ya29\.|1\/\/0|LTAI|AGE-SECRET-KEY-1|dapi|key-|fw_|rnd_|vercel_|EAAA|AKCp)[A-Za-z0-9_.=+/-]{16,2048}/g,
    isSecret: isToken,
  },
  {
    name: "vendor token of letters",
    pattern: /(?<![A-Za-z0-9])(?:hf_[A-Za-z]{34}|SG\.[\w-]{16,32}\.[\w-]{16,64})/g,
  },
  {
    name: "model provider key",
    pattern: /(?<![\w-])sk-(?:(?:ant|proj|or|svcacct|admin)-)?[\w-]{16,255}/g,
    isSecret: isMixed,
  },
  { name: "Google key", pattern: /\bAIza[\w-]{30,60}/g },
  { name: "Stripe key", pattern: /\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}/g },
  {
    name: "registry token",
    pattern: /(_auth(?:Token)?\s{0,4}=\s{0,4}["']?)[^\s"']{8,4096}/g,
    isSecret: isValue,
  },
  { name: "Telegram token", pattern: /\b\d{8,10}:AA[\w-]{33}(?![\w-])/g },
  {
    name: "Discord token",
    pattern: /(?<![\w-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])/g,
    isSecret: isMixed,
  },
  { name: "Twilio key", pattern: /\bSK[0-9a-f]{32}\b/g },
  { name: "Mailchimp key", pattern: /\b[0-9a-f]{32}-us\d{1,2}\b/g },
  {
    name: "assigned secret",
    pattern:
      /(?<![A-Za-z0-9])((?:[A-Za-z0-9]{1,40}[_.-]){0,5}[A-Za-z0-9]{0,40}(?:passwords?|passwd|pwd|passphrase|passwort|kennwort|secret(?:[_-]?key)?|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|client[_-]?secret|credentials?|token)\\?["'`]?\s{0,4}(?::=|=>|[:=])\s{0,4}(?:["'`]|\\["'])?)[^\s"'`,;\\]{6,4096}/gi,
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
  {
    name: "user and password of a request",
    pattern:
      /(\b(?:curl|wget|https?|xh)\b[^\n|;&]{0,300}?\s(?:-u|--user|--proxy-user|-U|-a|--auth)[ =]{0,2}["']?[^\s:"']{1,100}:)[^\s"']{4,400}/g,
    isSecret: isConcrete,
  },
  {
    name: "password argument",
    pattern:
      /((?:\b(?:sshpass\s{1,4}-p|(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mycli)\b[^\n|;&]{0,200}?\s-p|redis-cli\b[^\n|;&]{0,200}?\s-a\s{1,4}|ldap(?:search|modify|add|whoami)\b[^\n|;&]{0,200}?\s-w\s{1,4}|(?:docker|podman|oc|mongo|mongosh|mongodump|az)\b[^\n|;&]{0,200}?\s-p\s{1,4}|7z\b[^\n|;&]{0,200}?\s-p)|(?<![\w-])-pass(?:in|out)?\s{1,4}pass:)["']?)[^\s"'|;&-][^\s"'|;&]{3,400}/g,
    isSecret: isArgument,
  },
  {
    name: "quoted password argument",
    pattern:
      /(\b(?:sshpass\s{1,4}-p|(?:mysql|mysqldump|mariadb)\b[^\n|;&]{0,200}?\s-p)\s{0,4}(['"]))[^'"\n$]{4,400}(?=\2)/g,
  },
  {
    name: "netrc entry",
    pattern:
      /(\bmachine\s{1,40}\S{1,200}\s{1,40}(?:login|account)\s{1,40}\S{1,200}\s{1,40}password\s{1,40})\S{4,400}/g,
    isSecret: isConcrete,
  },
  {
    // "the staging password for the database is …", as people say it in some languages.
    name: "told password",
    pattern:
      /((?<![\p{L}\p{N}])(?:pass(?:word|phrase|code|wort)|(?:api |access |secret )?key|secret|token|pin|kennwort|schlüssel|zugangscode|contraseña|clave|mot de passe|senha|wachtwoord|hasło|пароль|密码|パスワード)(?:[ \t]{1,3}[\p{L}\p{N}_.'/-]{1,30}){0,5}?[ \t]{0,3}(?:(?<=[ \t])(?:is|was|are|lautet|ist|war|heißt|est|es|era|é|è|to)(?=[ \t])|[:=—–：]|(?:是|为|は))(?:[ \t]{1,3}(?:now|still|always|jetzt|noch))?[ \t]{0,3}[*_"'`„“«‚‘]{0,4})[^\s"'`“”»*]{6,200}/giu,
    isSecret: isStatedSecret,
  },
];

/** Prose and identifiers don't mix digits with letters over such a length. */
function isMixed(value: string): boolean {
  return /\d/.test(value) && /[A-Za-z]/.test(value);
}

/** What follows a vendor's beginning: a run of at least sixteen letters and digits that are mixed, not a name of words. */
function isToken(value: string): boolean {
  return isMixed(value) && value.split(/[_.=+/-]/).some((part) => part.length >= 12 && isMixed(part));
}

/** Concrete, and more than a word. */
function isValue(value: string): boolean {
  return isConcrete(value) && (isMixed(value) || /[^\w.:/-]/.test(value));
}

/** Not a port, a path or the name of what follows. */
function isArgument(value: string): boolean {
  return isConcrete(value) && !/^[\d.:]+$|^\.?\/|^[a-z]+$/.test(value);
}

/** What a person would take for a password and not for a word, a number, a name, a date or a file. */
function isStatedSecret(given: string): boolean {
  const value = given.replace(/[.,;:!?)\]}]+$/, "");
  if (value.length < 6 || !isConcrete(value) || WORDS.test(value)) return false;
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^\w\s./:-]/].filter((one) => one.test(value)).length;
  return classes >= 3 || (value.length >= 8 && isMixed(value) && !/^[A-Za-z]+-?\d{1,4}$|[/.]/.test(value));
}

/** Names, numbers with a unit, dates, files, digests' and algorithms' names. */
const WORDS =
  /^(?:\d+[-_]?[a-z]+(?:-[a-z]+)*|[a-z]+(?:[-_][a-z0-9]+)+|[A-Z]+(?:_[A-Z0-9]+)+|\d{4}-\d\d.*|[\w-]+\.(?:[a-z]{1,4}|json|yaml)|(?:sha|md|argon|bcrypt|scrypt|pbkdf|base|utf|oauth|ed|rsa|aes|hs|rs|es)-?\d*.*|[0-9a-f]{40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

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

/** Where the text, as a reader sees it, has one of these shapes. What is redacted already is none. */
export function shapedSecrets(text: string): readonly ShapedSecret[] {
  const found: ShapedSecret[] = [];
  for (const view of readerViews(text)) {
    for (const { name, pattern, isSecret } of SECRET_SHAPES) {
      for (const match of view.text.matchAll(pattern)) {
        const start = match.index + (match[1]?.length ?? 0);
        const value = match[0].slice(match[1]?.length ?? 0);
        if (value === "" || value.includes(REDACTED) || isSecret?.(value) === false) continue;
        const [from, to] = view.original(start, start + value.length);
        if (!text.slice(from, to).includes(REDACTED)) found.push({ from, to, kind: name });
      }
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

/** A text as a reader sees it, and for each of its characters where it stands in the text itself. */
export interface ReaderView {
  readonly text: string;
  /** The piece of the original text behind `from` to `to` of the view. */
  original(from: number, to: number): readonly [from: number, to: number];
}

/**
 * The views in which a secret can be read: the text itself; without what nobody sees (zero-width characters, terminal colours, marks of
 * removed control characters), with continued lines and joined string literals as one; and, where there are any, with
 * URL and JSON escapes decoded, twice. Linear in the length of the text.
 */
export function readerViews(text: string): readonly ReaderView[] {
  let last = identity(text);
  const views = [last];
  if (UNSEEN.test(text)) {
    last = edited(text, last, UNSEEN_ALL, foldWidth);
    views.push(last);
  }
  for (let round = 0; round < 2 && ESCAPE.test(last.text); round += 1) {
    last = edited(last.text, last, ESCAPE_ALL, decodeEscape);
    views.push(last);
  }
  return views;
}

/** Format characters and fillers · the mark of a control character · colours · a continued line · "a" + "b" · wide Latin. */
const UNSEEN_SOURCE = [
  "(?:\\x1b|\\ufffd)\\[[0-9;]{0,20}[A-Za-z]",
  "[\\p{Cf}\\p{Default_Ignorable_Code_Point}\\ufffd]+",
  "(?:\\\\|(?<=[ \\t])[`^])\\r?\\n[ \\t]{0,40}",
  "[\"'][ \\t]{0,8}(?:[+.][ \\t]{0,8}\\r?\\n?[ \\t]{0,40}|\\r?\\n[ \\t]{0,40}[+.][ \\t]{0,8})[\"']",
  "\\\\(?=/)",
  "[\\uff01-\\uff5e]+",
].join("|");
const UNSEEN = new RegExp(UNSEEN_SOURCE, "u");
const UNSEEN_ALL = new RegExp(UNSEEN_SOURCE, "gu");

/** Wide letters of East Asian input methods read as the narrow ones; everything else that is matched is not seen. */
function foldWidth(found: string): string {
  return /^[\uff01-\uff5e]/.test(found)
    ? found.replace(/./g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0xfee0))
    : "";
}

const ESCAPE = /%[0-9A-Fa-f]{2}|\\u00[2-7][0-9A-Fa-f]/;
const ESCAPE_ALL = new RegExp(ESCAPE, "g");

/** Printable ASCII only: what is beyond is in no secret. */
function decodeEscape(found: string): string {
  const code = Number.parseInt(found.slice(-2), 16);
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : found;
}

function identity(text: string): ReaderView {
  return { text, original: (from, to) => [from, to] };
}

/** The view of a view: each match becomes what `replace` says. Runs that were kept are remembered, not single characters. */
function edited(
  text: string,
  under: ReaderView,
  pattern: RegExp,
  replace: (found: string) => string,
): ReaderView {
  const parts: string[] = [];
  /** Where a run begins in the view, and where its text begins underneath. */
  const starts: number[] = [];
  const origins: number[] = [];
  /** How much of the text underneath one character of the run covers: 1, or all of an escape. */
  const covers: number[] = [];
  let length = 0;
  const add = (piece: string, origin: number, cover: number) => {
    if (piece === "") return;
    parts.push(piece);
    starts.push(length);
    origins.push(origin);
    covers.push(cover);
    length += piece.length;
  };
  let done = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    add(text.slice(done, index), done, 1);
    const replaced = replace(found);
    add(replaced, index, replaced.length === found.length ? 1 : found.length);
    done = index + found.length;
  }
  add(text.slice(done), done, 1);

  function place(at: number): { readonly from: number; readonly to: number } {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= at) low = middle;
      else high = middle;
    }
    const cover = covers[low] as number;
    const from = (origins[low] as number) + (cover === 1 ? at - (starts[low] as number) : 0);
    return { from, to: from + cover };
  }
  return {
    text: parts.join(""),
    original: (from, to) => under.original(place(from).from, place(Math.max(from, to - 1)).to),
  };
}
