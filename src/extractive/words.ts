import { isInstruction } from "../text/injection.ts";
import { readableText } from "../text/sanitize.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";

/**
 * The content words of a statement, in order: lower case, lightly stemmed, common synonyms folded, function words gone.
 * Chinese and Japanese runs become character pairs. Offsets let callers see where a word stood.
 */
export interface Word {
  readonly stem: string;
  /** A number, version, path, flag, code word or name in mixed case: such words must agree, not resemble. */
  readonly hard: boolean;
  readonly at: number;
}

const token =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+|\p{Script=Thai}+|-{0,2}[\p{L}\p{N}_$@~./\\#:+-]*[\p{L}\p{N}_][+#]{0,2}/gu;

/** A function that keeps its latest answers: while sentences are judged and compared, the same ones come many times. */
export function remembering<Answer>(
  most: number,
  answer: (text: string) => Answer,
): (text: string) => Answer {
  const answers = new Map<string, Answer>();
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined) return known;
    const found = answer(text);
    if (answers.size >= most) answers.clear();
    answers.set(text, found);
    return found;
  };
}

export const wordsOf = remembering(16_384, readWords);

function readWords(text: string): readonly Word[] {
  const words: Word[] = [];
  const coded = codeRanges(text);
  for (const match of text.slice(0, 2_000).matchAll(token)) {
    const at = match.index;
    const inCode = coded.some(([from, to]) => at >= from && at < to);
    for (const word of /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]/u.test(match[0])
      ? pairs(match[0], at)
      : latin(match[0], at, inCode))
      words.push(word);
  }
  return words;
}

/** Same stem for the forms of one English word, near enough for comparing notes; other languages pass through. */
export const stemOf = remembering(8_192, stemmed);

function stemmed(word: string): string {
  const lower = word.toLowerCase().replace(/[’']s?$/, "");
  const base = synonyms.get(lower);
  if (base !== undefined) return base;
  let stem = lower;
  if (/^[a-z]{4,}$/.test(stem)) {
    stem = stem
      .replace(/(?:ations?|ators?)$/, "at")
      .replace(/ies$|ied$/, "y")
      .replace(/(?<=sh|ch|x|ss|zz)es$/, "")
      .replace(/(?<=[^su])s$/, "")
      .replace(/(?<=[a-z]{3})(?:ing|ed|ly|er|ment)$/, "")
      .replace(/([bdgmnprt])\1$/, "$1")
      .replace(/(?<=[a-z]{3})e$/, "");
  }
  return synonyms.get(stem) ?? stem;
}

function isFunctionWord(word: string): boolean {
  return functionWords.has(word);
}

function latin(raw: string, at: number, inCode: boolean): readonly Word[] {
  if (!inCode && /^[a-z]+$/.test(raw))
    return functionWords.has(raw) ? [] : [{ stem: stemOf(raw), hard: false, at }];
  const trimmed = raw.replace(/^[.:#+\\]+(?=.)|[.:\\/+-]+$/g, "");
  if (trimmed === "") return [];
  const lower = trimmed.toLowerCase();
  if (inCode && /^[a-z]{3,}$/.test(lower)) return [{ stem: synonyms.get(lower) ?? lower, hard: true, at }];
  const hard = isHard(trimmed) || isCompoundName(trimmed);
  if (hard) return [{ stem: lower.replace(/^v(?=\d)/, "").replace(/^\.\//, ""), hard, at }];
  return lower.split(/[-/.:]+/).flatMap((part) => {
    if (part === "" || (functionWords.has(part) && trimmed !== "Go")) return [];
    return [{ stem: stemOf(part), hard: false, at }];
  });
}

/** Digits, separators inside a word, or capitals inside a word. */
function isHard(word: string): boolean {
  return /\d|[_\\@$~]|^--?\w|\w\/\w.*\.|^\/|\/.*\/|\.\w+$|\p{Ll}\p{Lu}|[+#]$/u.test(word);
}

/** `billing-worker` names something; `read-only` and `pre-existing` describe. */
function isCompoundName(word: string): boolean {
  if (!/^\p{Ll}[\p{Ll}\d]*(?:-[\p{Ll}\d]+)+$/u.test(word)) return false;
  return word
    .split("-")
    .every((part) => part.length > 1 && !DESCRIBING.has(part) && !functionWords.has(part));
}

const DESCRIBING = new Set(
  (
    "read write only pre post re non sub co self multi cross level based like time user built side free safe specific related " +
    "existing driven known single double triple high low long short well first last real full half open closed one two three " +
    "line case sensitive insensitive agnostic wide friendly aware ready hard soft day up down top bottom left right new old " +
    "step check key end run build test mid semi auto fine coarse type style line file cut follow look work clean left out pass"
  ).split(" "),
);

function pairs(run: string, at: number): readonly Word[] {
  const letters = [...run];
  if (letters.length === 1) return [{ stem: run, hard: false, at }];
  return letters
    .slice(1)
    .map((letter, index) => ({ stem: `${letters[index] ?? ""}${letter}`, hard: false, at: at + index }));
}

function codeRanges(text: string): readonly (readonly [number, number])[] {
  if (!text.includes("`")) return [];
  return [...text.slice(0, 2_000).matchAll(/`[^`]{1,200}`/g)].map((match) => [
    match.index,
    match.index + match[0].length,
  ]);
}

const functionWords = new Set(
  (
    "a an the this that these those it its they them their there here he she his her we us our you your i me my one ones " +
    "is are was were be been being am do does did done has have had having will would can could should shall may might must " +
    "and or but so if then than as at by for from in into of on onto to up with within via per when where while which who " +
    "what how that's it's because since also just only very really quite too still yet already again always generally " +
    "usually typically often please user users wants want wanted prefer prefers preferred prefere like likes liked said say says asked ask asks " +
    "keep keeps make makes get gets let lets need needs needed require requires required go goes going use uses used using " +
    "now currently today anymore any all each every both some such more most much many same other another sure ensure " +
    "not no never don don't doesn doesn't didn didn't isn isn't aren aren't won won't can't cannot wasn wasn't shouldn shouldn't mustn neither nor without instead rather t s d ll re ve m " +
    "nicht kein keine keinen keiner nie niemals ohne statt ne pas jamais sans nunca sin " +
    "about out off over under before after during between through " +
    "der die das den dem des ein eine einen einem einer und oder aber ist sind war wird werden hat haben im am auf aus bei " +
    "für mit nach von vor zu zum zur über unter wenn dann dass als wie auch nur noch schon immer bitte soll sollen muss müssen kann " +
    "le la les un une des du de et ou mais est sont dans sur avec pour par que qui ce cette il elle on nous vous toujours doit doivent faut " +
    "el los las una unos y o pero es son en con por para del al que se lo su sus siempre debe deben hay"
  ).split(" "),
);

const synonyms: ReadonlyMap<string, string> = new Map(
  (
    "run:execute,executes,executed,executing,exec,launch,launches,invoke,invokes,running,runs,ran,start,starts " +
    "remove:delete,deletes,deleted,deleting,drop,drops,erase,removes,removed,removing,strip " +
    "fail:failure,failures,fails,failed,failing,break,breaks,broke,broken,crash,crashes,crashed,error,errors,erroring " +
    "fix:repair,repairs,resolve,resolves,resolved,fixes,fixed,solve,solves,solved " +
    "dependency:dependencies,package,packages,library,libraries,lib,libs,module,modules " +
    "repo:repository,repositories,repos,codebase " +
    "config:configuration,configurations,configs,setting,settings,configured,configure " +
    "folder:directory,directories,dir,dirs,folders " +
    "doc:documentation,docs,documents,document " +
    "function:method,methods,functions,func " +
    "test:tests,testing,tested,testsuite,spec,specs " +
    "small:little,short,tiny,brief,concise,compact " +
    "big:large,huge,long " +
    "fast:quick,quickly,rapid " +
    "commit:commits,committing,committed " +
    "push:pushes,pushing,pushed " +
    "change:changes,changed,modify,modifies,modified,edit,edits,edited,alter " +
    "create:add,adds,added,adding,creates,created,creating,introduce,introduces " +
    "show:display,displays,print,prints,shows " +
    "check:verify,verifies,validate,validates,checks,checked,confirm " +
    "answer:reply,replies,respond,response,responses,answers " +
    "explain:explanation,explanations,explains,describe,describes,reason,why " +
    "message:messages,msg " +
    "comment:comments " +
    "style:convention,conventions,styles " +
    "database:db,databases " +
    "environment:env,environments " +
    "slow:slowly,slower " +
    "wait:waits,waiting,sleep,sleeps " +
    "format:formatter,formatting,formatted,formats " +
    "lint:linter,linting,linters " +
    "build:builds,building,built,compile,compiles,compiled " +
    "write:writes,writing,written,wrote"
  )
    .split(" ")
    .flatMap((line) => {
      const [base = "", forms = ""] = line.split(":");
      return [[base, base] as const, ...forms.split(",").map((form) => [form, base] as const)];
    }),
);

/** Names of an agent's own tools say nothing about the work. */
const tools = new Set(
  (
    "read write edit bash grep glob ls task todowrite multiedit websearch webfetch notebookedit exitplanmode askuserquestion " +
    "read_file search_replace write_file run_terminal_cmd list_dir grep_search codebase_search edit_file apply_patch shell " +
    "exec_command update_plan view_image str_replace_editor execute taskcreate taskupdate tasklist agent skill toolsearch " +
    "run_shell_command replace search_file_content read_many_files none n/a null unknown unspecified misc other"
  ).split(" "),
);

/** Words of a conversation, which lead nowhere and would read like one at the head of a line. */
const TALK =
  /^(?:sure|ok(?:ay)?|right|great|perfect|done|finished|good|hello|hi|hey|thanks?|yes|no|not|now|here|this|let|json|text|txt|html|error|errors|head|init|bogus|poem|todo|url|api|please|note|claro|listo|hecho|klar|fertig|gerne|voici|voilà)$/i;

/** Search terms that are safe to print in a comma separated line, in the given order, without repeats. */
export function keywordsFrom(words: readonly string[], most: number): readonly string[] {
  const kept = new Map<string, string>();
  for (const word of words) {
    if (kept.size >= most) break;
    const clean = searchTerm(word.slice(0, 200));
    if (clean !== "" && !kept.has(clean.toLowerCase())) kept.set(clean.toLowerCase(), clean);
  }
  return [...kept.values()];
}

/** The word as it can be printed; empty where it says nothing or could be taken for an order. */
const searchTerm = remembering(8_192, (word) => {
  const clean = withoutShapedSecrets(readableText(word))
    .replace(/[\s,;`"'*#[\](){}<>|]+/g, " ")
    .trim()
    .replace(/^[./-]+(?=\w)/, "");
  const key = clean.toLowerCase();
  const isUseful =
    !TALK.test(clean) &&
    clean.length >= 2 &&
    clean.length <= 60 &&
    !tools.has(key) &&
    !isFunctionWord(key) &&
    /[\p{L}]/u.test(clean);
  // One short word gives nobody an order.
  return isUseful && (/^[\w./-]{1,24}$/.test(clean) || !isInstruction(clean)) ? clean : "";
});

/** Words of a title that could be searched for: names first, then long words. */
export function keywordsOfTitle(title: string): readonly string[] {
  const words = title.match(/[\p{L}\p{N}_][\p{L}\p{N}_./-]*[\p{L}\p{N}_]/gu) ?? [];
  const named = words.filter((word) => /[_./\d]|\p{Ll}\p{Lu}/u.test(word) && /\p{L}/u.test(word));
  return [
    ...named,
    ...words.filter((word) => !named.includes(word) && (word.length > 3 || /[\u3040-\u9fff]/.test(word))),
  ];
}
