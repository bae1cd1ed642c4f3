const BLOB = /[A-Za-z0-9+/_-]{32,}={0,2}/g;
const HEX = /(?:[0-9a-f]{2}[ :]?){24,}/gi;
const MOST_BLOBS = 8;

/** What a model may read in a line: the line, with disguises of single letters taken off, and what its blobs decode to. */
export function readings(line: string): readonly string[] {
  const plain = unentitied(line);
  const latin = plain.normalize("NFKC").replace(/[\u0370-\u04ff]/g, (letter) => LIKE[letter] ?? letter);
  const close = latin.replace(/\b(?:\p{L}[ ._-]){6,}\p{L}\b/gu, (spaced) => spaced.replace(/[ ._-]/g, ""));
  return [...new Set([line, latin, spelled(latin, close), ...decoded(line)])].filter((text) => text !== "");
}

/** `i g n o r e` has lost the gaps between its words as well; the verbs that matter are told apart again. */
function spelled(latin: string, close: string): string {
  if (latin === close) return "";
  return close.replace(
    /(ignore|disregard|forget|all|any|previous|prior|earlier|above|instructions?|rules?)/gi,
    " $1 ",
  );
}

function unentitied(line: string): string {
  return line.replace(/&#(x[0-9a-f]{1,6}|\d{1,7});/gi, (whole, code: string) => {
    const point =
      code.startsWith("x") || code.startsWith("X") ? Number.parseInt(code.slice(1), 16) : Number(code);
    return point > 0x1f && point < 0x1_0000 ? String.fromCharCode(point) : whole;
  });
}

/** Letters of other alphabets that look like Latin ones, each before the one it looks like. */
const LOOK_ALIKE =
  "аaсcеeоoрpхxуyіiѕsјjһhԁdԛqԝwАAВBСCЕEНHІIКKМMОOРPТTХXЅSοoαaρpνvιiκkυuΑAΒBΕEΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";
const LIKE: Readonly<Record<string, string>> = Object.fromEntries(
  [...LOOK_ALIKE.matchAll(/(.)(.)/gu)].map(([, letter = "", latin = ""]) => [letter, latin]),
);

/** Only what decodes to text in words: hashes, ids and pictures don't. */
function decoded(line: string): readonly string[] {
  const base64 = [...line.matchAll(BLOB)].slice(0, MOST_BLOBS).map(([blob]) => Buffer.from(blob, "base64"));
  const hex = [...line.matchAll(HEX)]
    .slice(0, MOST_BLOBS)
    .map(([blob]) => Buffer.from(blob.replace(/[ :]/g, ""), "hex"));
  return [...base64, ...hex].map((bytes) => bytes.toString("utf8")).filter(isProse);
}

function isProse(text: string): boolean {
  return text.length >= 16 && / /.test(text) && /^[\t\n\r\u0020-\u007e\u00a0-\u024f]+$/.test(text);
}
