import { hasWordOf } from "./lexicon.ts";
import type { Piece } from "./piece.ts";

/** A failure that says what it came from or what to do; raw output that happens to hold such a word does not. */
export function hasWayOut(text: string): boolean {
  if (ARROW.test(text)) return true;
  const isRaw = /^\W*(?:error|fatal|panic|warning)\b\s?[:\]]/i.test(text);
  return !isRaw && (WAY_OUT.test(text) || COMMAND.test(text));
}

const COMMAND = /`[a-z.][\w./-]* [^`]+`/;
const ARROW = /->|→|=>/;
const WAY_OUT =
  /->|→|=>|\b(?:cause|fix|workaround|solution|instead|lösung|ursache|solución|remède)\b|原因|因为|ため|対策|解决|parce que|weil|because|porque/iu;

/** Judged several times while a piece is weighed. */
const PLAIN = new WeakMap<Piece, boolean>();

/** No report, talk, errand or question, nothing that only its moment or the code around it explains. */
export function isPlain(piece: Piece): boolean {
  const known = PLAIN.get(piece);
  if (known !== undefined) return known;
  const found = judgePlain(piece);
  PLAIN.set(piece, found);
  return found;
}

function judgePlain({ text, speaker, kind }: Piece): boolean {
  if (text.length < 8 || text.length > 260 || /[?？:：…]$|\.\.\./.test(text)) return false;
  const isIdle =
    CHATTER.some((name) => hasWordOf(name, text)) ||
    (speaker === "note" && kind !== "preference" && (hasWordOf("self", text) || isOfTheMoment(text))) ||
    // An order with a reason or an occasion is a rule: "run … before …, otherwise …".
    (hasWordOf("errand", text) &&
      !hasWordOf("reason", text) &&
      !hasWordOf("condition", text) &&
      !/^\W*(?:re-?)?(?:run|use|make|put|check)\b.*`[^`]+\s[^`]+`/i.test(text));
  return !isIdle;
}

const CHATTER = ["report", "reportAfter", "talk"] as const;

/** Speaks of the change at hand or of its delivery, and of no value that changed. */
function isOfTheMoment(text: string): boolean {
  if (isOfDelivery(text) && !hasWordOf("lasting", text)) return true;
  if (/^\W*(?:you|no)\b/i.test(text) && !hasWordOf("lasting", text)) return true;
  if (/[✓✔✅❌⚠]/u.test(text) || /^`[^`]+` (?:→|->) `/.test(text)) return true;
  if (DONE_NOW.test(text)) return true;
  const plain = text.replace(/`[^`]*`/g, "` `");
  if (ENDING_NUMBER.test(text) || NO_LONGER.test(text)) return false;
  return hasWordOf("moment", plain.replace(NOW, " "));
}

/** Where a branch, a commit or a review stands, rather than how branches are used. */
export function isOfDelivery(text: string): boolean {
  if (!hasWordOf("delivery", text)) return false;
  return (
    hasWordOf("moment", text) || hasWordOf("you", text) || hasWordOf("report", text) || COMMIT.test(text)
  );
}

/** A commit by its hash, or how far one branch is from another. */
const COMMIT = /\b(?=[a-f\d]*\d)(?=[a-f\d]*[a-f])[a-f\d]{7,40}\b|\b\d+ commits?\b|\bconflicts?\b/;

/** "Tests now run with pnpm" says what holds; "errors are now checked" and "now both forms are tested" what was done. */
const NOW = /\b(?:now|currently|jetzt|maintenant|ahora|already|findings?|plan|review(?:er)?)\b|今|现在/giu;
const DONE_NOW = /^\W*now\b|\b(?:is|are) now (?:\w+ly )?\w+ed\b|\bnow (?:correctly|properly|explicitly)\b/i;
const NO_LONGER =
  /(?<![\p{L}])(?:no longer|not? .{1,30} any ?more|from .{2,40} to |instead of|nicht mehr|von .{1,40} (?:auf|zu) |statt |ne .{1,30} plus|ya no|(?:de|da) .{1,40} (?:a|à) |au lieu de|en (?:vez|lugar) de|non .{1,30} più|с .{1,40} на )|[;,] .{3,40} (?:has|have) been (?:removed|replaced|dropped)\b|不再|改为|ではなく|から.{1,40}に/iu;

/** Functions, fields, lines and symbols of code. */
export const INTERNALS =
  /\w\(\)|\b[a-z]+[A-Z]|[A-Z][a-z]+[A-Z][a-z]+[A-Z]|\w_\w|::|:=|[{}|]\s|;$|\.\w{1,4}:\d|#\d|→.*→|\blines?\b|\d\d:\d\d/u;

/** Says which number something has or had: one at the end of a clause, with what it counts. */
export function tellsNumber(text: string): boolean {
  const plain = text.replace(/^\W*\d+\W/, "");
  const isPair = /^[^:：]{2,40}[:：]\s/.test(text);
  if (!isPair && !hasWordOf("state", text) && !NO_LONGER.test(text)) return false;
  return ENDING_NUMBER.test(plain) && !(hasWordOf("process", text) && COUNTED.test(plain));
}

/** Short enough to be one thing said. */
function isOneSentence(text: string): boolean {
  return text.length <= 160 && !/[.!?。！？]\s*\S/.test(text.replace(/(?<=\w)\.(?=\S)/g, ""));
}

/** Names a command with its arguments, or a path. */
export function tellsCode(text: string): boolean {
  if (
    /^`[^`]+`\s+(?:all )?(?:pass(?:es|ed)?|works|succeeds|succeeded|is (?:green|clean)|ran|läuft durch|ist grün)\b/i.test(
      text,
    )
  )
    return false;
  return VALUE_IN_CODE.test(text.replace(/^`[^`]*`\s*(?:[—–:→-]|$)/, ""));
}

const ENDING_NUMBER =
  /(?<![\p{L}\d.:/-])\d[\d.,]*(?:%|\s?[\p{Ll}\p{Lu}]{1,12}|\s?\p{Lo}.*)?(?=[.,;)。，；、）]|\s?$|\s[(–—-]|\s(?:before|bevor|avant|antes)\b)/u;
const COUNTED = /\d\s\p{L}/u;
const VALUE_IN_CODE = /`[a-z.$~/][^`{}|<>,]*\s[^`{}|<>,]*`|`[\w.@~-]*\/[^`{}|]*`/;

export function isReasoned(text: string): boolean {
  return (
    hasWordOf("reason", text) &&
    (/[.。]$/.test(text) || hasWordOf("state", text) || hasWordOf("demand", text))
  );
}

/** "We don't want a cap": a wish whose object only the conversation knows. */
function isOfOneThing(text: string): boolean {
  const words = text.split(/\s+/).length;
  const isBrief = words < 4 && /^[\x00-\x7f]*$/.test(text);
  const isBare = /^\W*(?:we|this|that|these|those|there|don['’]?t need|no (?:need|reason))\b/i.test(text);
  return isBrief || (isBare && words < 10) || /\bnot a goal\b|\bhere\b/i.test(text);
}

const FORBIDS =
  /^\W*(?:no|never|don['’]?t(?! need)|keine?\w*|pas de|sin|nada de|不要|不得)(?:\s|(?<=[\u4e00-\u9fff]))/iu;

/** Words of the person that bind later work and need nothing from the conversation to be understood. */
export function isRule({ speaker, kind, text }: Piece): boolean {
  if (speaker !== "person" && kind !== "preference") return false;
  // Hurried words that ask for something mean the work at hand; a whole sentence, or "always", means more.
  const isWhole = speaker === "note" || /^[^\p{Ll}].*[.。!！]$/u.test(text) || FORBIDS.test(text);
  const binds = hasWordOf("lasting", text) || (hasWordOf("demand", text) && isWhole && !isOfOneThing(text));
  return (
    binds &&
    !INTERNALS.test(text) &&
    !hasWordOf("mood", text) &&
    (hasWordOf("lasting", text) || !hasWordOf("pointer", text)) &&
    (hasWordOf("lasting", text) || !/\d/.test(text)) &&
    !/[?？]/.test(text)
  );
}

/** One sentence that says how something is run, reached or limited, or why it is so, without the insides of code. */
export function isPlainFact(text: string): boolean {
  if (!isOneSentence(text) || INTERNALS.test(text)) return false;
  const isChange = NO_LONGER.test(text) && hasWordOf("state", text);
  return isChange || tellsNumber(text) || tellsCode(text) || isReasoned(text);
}
