import { type Candidate, evidenceOf } from "./candidate.ts";

/** Ways in which a file is changed as a whole by mistake; each undoes one of them for one line. */
const UNDO: readonly { readonly what: string; readonly undo: (line: string) => string }[] = [
  {
    what: "begins with the number of the line",
    undo: (line) => line.replace(/^\s{0,8}\d{1,6}(?:\t|[ ]{0,2}[|:→│]\s?|\s{1,3}|-(?=[#-]))/, ""),
  },
  { what: "begins with the mark of a patch", undo: (line) => line.replace(/^[-+ ](?=[-#*\s\w])/, "") },
  { what: "is quoted", undo: (line) => line.replace(/^(?:>\s?)+/, "") },
  {
    what: "is indented",
    undo: (line) => (/^\s+(?:#{1,6} |scope:|applies_to:)/.test(line) ? line.trimStart() : line),
  },
  { what: "is written with HTML entities", undo: unescapeEntities },
  {
    what: "is written with escaped quotes or marks",
    undo: (line) => line.replace(/\\(["'`*_#[\](){}<>+.!|~-])/g, "$1"),
  },
  { what: "was read in the wrong encoding", undo: readAsUtf8 },
  {
    what: "is wrapped in bold or code",
    undo: (line) => line.replace(/^([-*+] |#{1,6} )?(?:\*\*|__|`)(.*?)(?:\*\*|__|`)$/, "$1$2"),
  },
  {
    what: "ends in marks of line breaks",
    undo: (line) => line.replace(/(?:<br\s?\/?>|\\n|\\r\\n|\\)+$/i, ""),
  },
];

const FEWEST = 3;

/**
 * New lines that are lines of the base in disguise. Three are a pattern, one may be an edit. Without a base the same
 * signs count when they are in most lines and no input holds the like.
 */
export function changedLines(
  fresh: readonly { readonly number: number; readonly text: string }[],
  before: string | null,
  { evidence }: Candidate,
) {
  const known = new Set(before?.split("\n").filter((line) => line.trim() !== "") ?? []);
  const found = UNDO.map(({ what, undo }) => ({
    what,
    lines: fresh
      .filter(({ text }) => {
        const undone = undo(text);
        return undone !== text && undone.trim().length > 3 && known.has(undone);
      })
      .map(({ number }) => number),
  })).filter(({ lines }) => lines.length >= FEWEST);
  const signs = known.size > 0 ? [] : wholeFileSigns(fresh, evidenceOf(evidence).isInInputs);
  const cut = cutLines(fresh, known);
  return [
    ...[...found, ...signs].map((kind) => ({
      code: "model_residue" as const,
      ...kind,
      ask: "write the lines as they were",
    })),
    {
      code: "cut_off" as const,
      what: "is only the beginning of a statement that stood there",
      ask: "write the statement to its end, or leave it out",
      lines: cut.length >= FEWEST ? cut : [],
    },
  ];
}

/** Statements of the base that stop in their middle; one that was shortened on purpose still names its tasks. */
function cutLines(
  fresh: readonly { readonly number: number; readonly text: string }[],
  known: ReadonlySet<string>,
): readonly number[] {
  const statements = [...known].filter((line) => /^[-*+] .*\[Task \d{1,6}\]\s*$/.test(line)).toSorted();
  return fresh
    .filter(({ text }) => {
      const line = text.trimEnd();
      if (line.length < 12 || !/^[-*+] /.test(line) || /\[Task \d{1,6}\]$/.test(line)) return false;
      const next = statements[firstAtLeast(statements, line)] ?? "";
      return next.length > line.length && next.startsWith(line);
    })
    .map(({ number }) => number);
}

function firstAtLeast(sorted: readonly string[], wanted: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function wholeFileSigns(
  fresh: readonly { readonly number: number; readonly text: string }[],
  isInInputs: (text: string) => boolean,
) {
  const most = fresh.length * 0.6;
  const numbered = fresh.filter(({ text }) => /^\s{0,8}\d{1,6}(?:\t|[ ]{0,2}[|:→│])/.test(text));
  const quoted = fresh.filter(({ text }) => /^> ?[#-]/.test(text));
  const patched = fresh.filter(({ text }) => /^\+ ?(?:#{1,6} |- |scope:)/.test(text));
  const entities = fresh.filter(({ text }) => /&(?:lt|gt|quot|amp|#39|#x27);/.test(text));
  const strange = fresh.filter(({ text }) => MOJIBAKE.test(text));
  return [
    { what: "begins with the number of the line", lines: numbered.length > most ? numbered : [] },
    { what: "is quoted", lines: quoted.length > most ? quoted : [] },
    { what: "begins with the mark of a patch", lines: patched.length > most ? patched : [] },
    {
      what: "is written with HTML entities",
      lines:
        entities.length >= FEWEST && !["&lt;", "&gt;", "&quot;", "&amp;", "&#39;", "&#x27;"].some(isInInputs)
          ? entities
          : [],
    },
    {
      what: "was read in the wrong encoding",
      lines:
        strange.length >= FEWEST
          ? strange.filter(({ text }) => !isInInputs(MOJIBAKE.exec(text)?.[0] ?? ""))
          : [],
    },
  ].map(({ what, lines }) => ({ what, lines: lines.map(({ number }) => number) }));
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  amp: "&",
  "#39": "'",
  "#x27": "'",
  apos: "'",
  nbsp: " ",
};

function unescapeEntities(line: string): string {
  return line.replace(/&(lt|gt|quot|amp|#39|#x27|apos|nbsp);/g, (_, name: string) => ENTITIES[name] ?? "");
}

/** Letters that come about when UTF-8 is read as Latin-1 or Windows-1252. */
const MOJIBAKE =
  /[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â[\u0080\u20ac][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]/;

const windows1252 = new TextDecoder("windows-1252");
const BYTE_OF: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => [windows1252.decode(Uint8Array.of(byte)), byte] as const),
);

/** The line as it was before its bytes were read as another encoding; itself when that can't be. */
function readAsUtf8(line: string): string {
  if (!/[\u0080-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]/.test(line)) return line;
  const bytes: number[] = [];
  for (const letter of line) {
    const byte = BYTE_OF.get(letter) ?? letter.codePointAt(0) ?? 0;
    if (byte > 0xff) return line;
    bytes.push(byte);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
  } catch {
    return line;
  }
}
