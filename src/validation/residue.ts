import { deflateSync } from "node:zlib";
import type { GateCode } from "../domain/settings.ts";
import { isHostPath } from "../memory-files/host-files.ts";
import { splitReferences } from "../text/handbook.ts";
import { NOTHING_YET } from "../text/nothing-yet.ts";
import { pathText } from "../text/sanitize.ts";
import { type Candidate, type Check, evidenceOf, limited, type Remark } from "./candidate.ts";
import { changedLines } from "./rewritten-lines.ts";

const HANDBOOK = "MEMORY.md";
const SUMMARY = "memory_summary.md";

/** What is wrong with some lines of a file, and what the agent is asked to do about it. */
interface Spoiled {
  readonly code: GateCode;
  /** Completes "Line 3 of MEMORY.md …" for one line and for several. */
  readonly what: string;
  readonly ask: string;
  readonly lines: readonly number[];
}

/** A line of an agent's file that did not stand in the base. */
interface NewLine {
  readonly number: number;
  readonly text: string;
}

/**
 * What models leave in a file while they write it: talk to the user, markup of tools and thoughts, fences, patches,
 * line numbers, placeholders, loops. Lines of the base are never looked at, since a person may have written them, and
 * neither is the text of bullets that say what an input says.
 */
export const residue: Check = (candidate) =>
  candidate.manifest
    .map(({ path }) => path)
    .filter((path) => !isHostPath(path) && /\.(?:md|markdown|txt)$/i.test(path))
    .flatMap((path) => residueIn(path, candidate));

function residueIn(path: string, candidate: Candidate): readonly Remark[] {
  const text = candidate.text(path);
  const before = candidate.base.text(path);
  if (text === null || text.trim() === "" || text === before) return [];
  const known = new Set(before?.split("\n").map((line) => line.trim()) ?? []);
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  const fresh = lines
    .map((line, at) => ({ number: at + 1, text: line }))
    .filter((line) => line.text.trim() !== "" && !known.has(line.text.trim()));
  const isMemory = path === HANDBOOK || path === SUMMARY;
  const found = [
    ...shapes(fresh, lines),
    ...placeholders(fresh, candidate),
    ...(isMemory ? escapes(fresh) : []),
    ...(isMemory ? fences(lines, before) : []),
    ...(isMemory ? changedLines(fresh, before, candidate) : []),
    ...(isMemory ? repeats(lines, before, candidate) : []),
    ...(isMemory ? loops(fresh, candidate) : []),
    ...(path === HANDBOOK ? strayText(lines, fresh) : []),
    ...(path === SUMMARY ? chat(fresh, lines) : []),
    ...(isMemory ? cutOff(text, before) : []),
  ];
  return limited(onceEach(found).map((spoiled) => remark(path, spoiled)));
}

/** A line that is wrong in several ways is told for the first of them. */
function onceEach(found: readonly Spoiled[]): readonly Spoiled[] {
  const seen = new Set<number>();
  return found.flatMap((spoiled) => {
    const lines = spoiled.lines.filter((line) => !seen.has(line));
    for (const line of lines) seen.add(line);
    return lines.length === 0 ? [] : [{ ...spoiled, lines }];
  });
}

function remark(at: string, { code, what, ask, lines }: Spoiled): Remark {
  const path = pathText(at);
  const where = lines.length === 1 ? `Line ${lines[0]}` : `Line ${lines[0]} (and ${lines.length - 1} more)`;
  const list =
    lines.length === 1
      ? `Line ${lines[0]}`
      : `Each of the lines ${lines.slice(0, 20).join(", ")}${lines.length > 20 ? ", …" : ""}`;
  return {
    finding: {
      code,
      path,
      message: `${where} of ${path} ${what}.`,
      repair: `${list} ${what}: ${ask}.`,
    },
  };
}

/** Lists, headings and tables are what a memory is made of; a statement may speak of anything. */
function isListed(line: string): boolean {
  return /^\s*(?:[-*+] |\d{1,4}[.)] |#{1,6} |\|.*\|\s*$|> )/.test(line);
}

/** Numbers of the lines inside closed fences, the fences included. */
function fenced(lines: readonly string[]): ReadonlySet<number> {
  const inside = new Set<number>();
  let open: { readonly from: number; readonly mark: string } | null = null;
  for (const [at, line] of lines.entries()) {
    const mark = /^\s{0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark === undefined) continue;
    if (open === null) open = { from: at, mark };
    else if (mark.startsWith(open.mark)) {
      for (let n = open.from; n <= at; n += 1) inside.add(n + 1);
      open = null;
    }
  }
  return inside;
}

function shapes(fresh: readonly NewLine[], lines: readonly string[]): readonly Spoiled[] {
  const code = fenced(lines);
  const byKind = new Map<string, number[]>();
  for (const { number, text } of fresh) {
    const line = text.trim().slice(0, 400);
    if (code.has(number) || isListed(text)) continue;
    const what = RESIDUE_SHAPES.find(({ pattern }) => pattern.test(line))?.what;
    if (what !== undefined) byKind.set(what, [...(byKind.get(what) ?? []), number]);
  }
  return [...byKind].map(([what, at]) => ({
    code: "model_residue",
    what: `holds ${what}`,
    ask: "take it away and leave only what belongs to the file",
    lines: at,
  }));
}

function placeholders(fresh: readonly NewLine[], { evidence }: Candidate): readonly Spoiled[] {
  const inputs = evidenceOf(evidence);
  const lines = fresh.filter(({ text }) => {
    const bullet = /^\s*(?:[-*+]|\d{1,4}[.)]) (.*)$/.exec(text)?.[1];
    const words = (bullet ?? text).trim();
    if (words.length > 200 || /^#{1,6} /.test(words)) return false;
    if (bullet !== undefined && !/^(?:\.{3}|…|[[(<{].*[\])>}]\.?$)/.test(words)) return false;
    return (
      PLACEHOLDERS.some((pattern) => pattern.test(words)) &&
      !(bullet !== undefined && words.length > 10 && inputs.isInInputs(words))
    );
  });
  return [
    {
      code: "placeholder",
      what: "stands in the place of text that is not there",
      ask: "write the whole text that belongs there; what stood in the former file is to be copied, not referred to",
      lines: lines.map(({ number }) => number),
    },
  ];
}

const STRUCTURE = String.raw`\\n(?:\\n)*(?:#{1,6} |[-*] |scope:|applies_to:|v1\b|\\t)`;

/** A file that was written as the text of a string, or in another encoding. */
function escapes(fresh: readonly NewLine[]): readonly Spoiled[] {
  const pattern = new RegExp(STRUCTURE, "g");
  const escaped = fresh.filter(({ text }) => (text.match(pattern)?.length ?? 0) >= 3);
  const encoded = fresh.filter(({ text }) =>
    /^\s*(?:data:[\w/+;=-]{0,60},)?[A-Za-z0-9+/=_-]{240,}\s*$/.test(text),
  );
  return [
    {
      code: "model_residue",
      what: "holds a whole text with its line breaks written as \\n",
      ask: "write real line breaks",
      lines: escaped.map(({ number }) => number),
    },
    {
      code: "model_residue",
      what: "holds an encoded text",
      ask: "write it as plain Markdown",
      lines: encoded.map(({ number }) => number),
    },
  ];
}

/** A fence around memory, or one that never ends, hides what follows from every reader of Markdown. */
function fences(lines: readonly string[], before: string | null): readonly Spoiled[] {
  const marks = (text: readonly string[]) => text.filter((line) => /^(?:`{3,}|~{3,})/.test(line)).length;
  const open = lines.findLastIndex((line) => /^(?:`{3,}|~{3,})/.test(line)) + 1;
  const isOpen = marks(lines) % 2 === 1 && marks(before?.split("\n") ?? []) % 2 === 0;
  const inside = fenced(lines);
  const hidden = lines.flatMap((line, at) =>
    inside.has(at + 1) && /^(?:# Task Group:|## (?:Task \d|What's in Memory))/.test(line) ? [at + 1] : [],
  );
  return [
    {
      code: "model_residue",
      what: "stands inside a code fence",
      ask: "take the fence away: the file itself is Markdown",
      lines: hidden,
    },
    {
      code: "model_residue",
      what: "opens or closes a code fence that has no other end",
      ask: "take it away, or close it",
      lines: isOpen && hidden.length === 0 ? [open] : [],
    },
  ];
}

/** Lines this short are often the same. */
const TELLING = 20;
const MOST_REPEATS = 5;

/** Statements that stand there again and again, or a file that holds itself twice. */
function repeats(
  lines: readonly string[],
  before: string | null,
  { evidence }: Candidate,
): readonly Spoiled[] {
  const inputs = evidenceOf(evidence);
  const was = counts(before?.split("\n") ?? []);
  const now = counts(lines);
  const again = [...now].filter(([line, at]) => at.length > Math.max(1, was.get(line)?.length ?? 0));
  const looped = again.filter(
    ([line, at]) =>
      at.length > MOST_REPEATS + (was.get(line)?.length ?? 0) &&
      !inputs.isInInputs(bulletText(line.split("\n")[0] ?? "")),
  );
  const extra = again.reduce(
    (sum, [line, at]) => sum + at.length - Math.max(1, was.get(line)?.length ?? 0),
    0,
  );
  const total = [...now.values()].reduce((sum, at) => sum + at.length, 0);
  const isTwice = extra >= 5 && extra > total / 5 && looped.length === 0;
  return [
    {
      code: "repeated_text",
      what: "repeats what stands there already, over and over",
      ask: "keep it once",
      lines: looped.flatMap(([, at]) => at.slice(1)).concat(shortLoops(lines, before)),
    },
    {
      code: "repeated_text",
      what: "begins text that stands in the file twice",
      ask: "keep each group and each statement once",
      lines: isTwice ? again.flatMap(([, at]) => at.slice(1)).sort((a, b) => a - b) : [],
    },
  ];
}

/**
 * Statements by the lines they stand in, apart for each folder: what holds in several projects is said in each of them.
 * Evidence and keywords may be the same in several tasks.
 */
function counts(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  let [place, part] = ["", ""];
  for (const [at, raw] of lines.entries()) {
    const line = raw.trim();
    if (
      line.startsWith("applies_to:") ||
      (line.startsWith("### ") && !/^### (?:keywords|rollout_)/.test(line))
    )
      place = line;
    if (line.startsWith("#")) part = line;
    const isPlain = !/^(?:#|scope:|applies_to:)|^[-*+] [`]?rollout_summaries\//.test(line);
    if (line.length < TELLING || !isPlain || part === "### keywords") continue;
    const key = `${line}\n${place}`;
    const places = found.get(key);
    if (places === undefined) found.set(key, [at + 1]);
    else places.push(at + 1);
  }
  return found;
}

/** A short line may well stand there often, but not as often as a loop writes it. */
const MOST_SHORT_REPEATS = 30;

function shortLoops(lines: readonly string[], before: string | null): readonly number[] {
  const isShort = (line: string) =>
    line.length < TELLING && /^(?!#|scope:|applies_to:|```).*[\p{L}\p{N}]/u.test(line);
  const was = linesByText(before?.split("\n") ?? [], isShort);
  return [...linesByText(lines, isShort)].flatMap(([line, at]) =>
    at.length > MOST_SHORT_REPEATS + (was.get(line)?.length ?? 0) ? at.slice(1) : [],
  );
}

function linesByText(
  lines: readonly string[],
  isCounted: (line: string) => boolean,
): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [at, raw] of lines.entries()) {
    const line = raw.trim();
    if (!isCounted(line)) continue;
    const places = found.get(line);
    if (places === undefined) found.set(line, [at + 1]);
    else places.push(at + 1);
  }
  return found;
}

function bulletText(line: string): string {
  return splitReferences(line.replace(/^\s*(?:[-*+]|\d{1,4}[.)]) /, "")).text;
}

/** One line in which the same words come again and again. */
function loops(fresh: readonly NewLine[], { evidence }: Candidate): readonly Spoiled[] {
  const inputs = evidenceOf(evidence);
  const lines = fresh.filter(
    ({ text }) =>
      text.length > 600 &&
      /^\s*[-*+] (?!`?rollout_summaries\/)/.test(text) &&
      deflateSync(text.slice(0, 20_000)).length < Math.min(text.length, 20_000) * 0.1 &&
      !inputs.isInInputs(bulletText(text).slice(0, 40)) &&
      !inputs.isInInputs(text.slice(200, 240)),
  );
  return [
    {
      code: "repeated_text",
      what: "says the same words over and over",
      ask: "say it once",
      lines: lines.map(({ number }) => number),
    },
  ];
}

function isChat(text: string): boolean {
  const words = text
    .trim()
    .replace(/^[*_>#\s]{1,8}/, "")
    .slice(0, 400);
  return CHAT.some((pattern) => pattern.test(words));
}

function chat(fresh: readonly NewLine[], lines: readonly string[]): readonly Spoiled[] {
  const profile = sectionOf(lines, "## User Profile");
  const found = fresh.filter(
    ({ number, text }) => !isListed(text) && !/^\s/.test(text) && !profile.has(number) && isChat(text),
  );
  return [spokenTo(found.map(({ number }) => number))];
}

function sectionOf(lines: readonly string[], heading: string): ReadonlySet<number> {
  const from = lines.findIndex((line) => line.trim() === heading);
  if (from < 0) return new Set();
  const length = lines.slice(from + 1).findIndex((line) => line.startsWith("#"));
  const to = length < 0 ? lines.length : from + 1 + length;
  return new Set(lines.slice(from, to).map((_, at) => from + 1 + at));
}

function spokenTo(lines: readonly number[]): Spoiled {
  return {
    code: "model_residue",
    what: "speaks to whoever asked for the file",
    ask: "take it away: the file is for readers who know nothing of this conversation",
    lines,
  };
}

/**
 * Prose outside of lists. Before the first group and after the last list it is what a model said around the file; in
 * between it is only against the form, unless it talks to somebody.
 */
function strayText(lines: readonly string[], fresh: readonly NewLine[]): readonly Spoiled[] {
  const first = lines.findIndex((line) => line.startsWith("# Task Group:"));
  if (first < 0) return [];
  const lastListed = lines.findLastIndex((line) => isListed(line) || /^(?:scope|applies_to):/.test(line));
  const code = fenced(lines);
  const prose = fresh.filter(
    ({ number, text }) =>
      !isListed(text) &&
      !code.has(number) &&
      text.trim() !== NOTHING_YET &&
      !/^(?:scope|applies_to): ?\S/.test(text) &&
      !/^(?:-{3,}|\*{3,}|_{3,})\s*$/.test(text),
  );
  const isTalk = ({ number, text }: NewLine) =>
    number <= first || (!/^\s/.test(text) && (number > lastListed + 1 || isChat(text)));
  const bullets = fresh.filter(
    ({ text }) => /^[-*+] /.test(text) && !/\[Task \d{1,6}\]\s*$/.test(text) && isChat(text.slice(2)),
  );
  const isLoose = ({ number, text }: NewLine) => !/^\s/.test(text) && (lines[number - 2] ?? "").trim() === "";
  return [
    spokenTo([...prose.filter(isTalk), ...bullets].map(({ number }) => number).sort((a, b) => a - b)),
    {
      code: "stray_text",
      what: "is text outside of the lists",
      ask: "make it a bullet with the tasks it comes from, or take it away",
      lines: prose.filter((line) => !isTalk(line) && isLoose(line)).map(({ number }) => number),
    },
  ];
}

/** A file whose last line stops in the middle of a word or statement. */
function cutOff(text: string, before: string | null): readonly Spoiled[] {
  if (text.endsWith("\n")) return [];
  const lines = text.split("\n");
  const last = (lines.at(-1) ?? "").trimEnd();
  const references = /\[Task \d{1,6}\]\s*$/;
  const isPart =
    before
      ?.split("\n")
      .some((line) => line.length > last.length && last.length > 0 && line.startsWith(last)) ?? false;
  const statements = lines.filter((line) => line.startsWith("- "));
  const isUnlike =
    last.startsWith("- ") &&
    !references.test(last) &&
    statements.filter((line) => references.test(line)).length > Math.max(1, statements.length / 3);
  return [
    {
      code: "cut_off",
      what: "ends in the middle of a statement, and the file with it",
      ask: "write the file to its end",
      lines: isPart || isUnlike || /^(?:#{1,6}|[-*+])\s*$/.test(last) ? [lines.length] : [],
    },
  ];
}

/** One shape of a line that a model leaves while it writes a file, and that is no part of the file. */
interface ResidueShape {
  /** Completes "Line 3 of MEMORY.md is …". */
  readonly what: string;
  readonly pattern: RegExp;
}

/**
 * Lines that are never memory, wherever they stand at the beginning of a line. Lists and headings are not looked at:
 * a statement may speak of a `<think>` tag or of a patch.
 */
const RESIDUE_SHAPES: readonly ResidueShape[] = [
  {
    what: "markup of a model's tools or thoughts",
    pattern:
      /^<(?:[/!?]{0,1})(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|plan|answer|final|final_answer|output|response|result|results|reply|tool|tool_\w{1,20}|tools|function\w{0,20}|invoke|parameters?|arg\w{0,20}|antml:\w{1,20}|content|contents|file|files|file_\w{1,20}|filename|path|document|documents|doc|text|markdown|md|code|artifact\w{0,20}|memory\w{0,20}|summary|edit|edits|write\w{0,20}|update\w{0,20}|new_\w{1,20}|old_\w{1,20}|diff|patch|html|head|body|pre|div|p|span|article|section|main|doctype|xml|root|data|item|json|yaml|begin|end|start|stop|s|eos|bos)\b[^>]{0,300}>/i,
  },
  {
    what: "markup of a model's tools or thoughts",
    pattern:
      /^\[\/?(?:TOOL_\w{1,20}|TOOLS?|INST|SYS|THINK|ANSWER|OUTPUT|RESPONSE|FILE|BEGIN|END|START|STOP)(?:[:= ][^\]]{0,80})?\]|^<<\/?SYS>>/i,
  },
  {
    what: "a tag with nothing else on its line",
    pattern:
      /^<\/?(?!(?:system|assistant|user|human|developer)\b)[A-Za-z][\w:.-]{0,40}(?:\s[^<>]{0,300})?\/?>\s*$/,
  },
  {
    what: "the call of a tool",
    pattern:
      /^(?:\{|\[\{)\s*"(?:name|tool|tool_name|function|type|command|arguments|args|input|path|file|file_path|filename|content|text|id|role|recipient\w*)"\s*:|^(?:functions?|tools?|default_api|multi_tool_use)\.\w{1,40}\s?\(|^(?:write|edit|create|update|save|replace|str_replace\w*|apply_patch|write_file|write_to_file|read_file|edit_file)\s?\(/i,
  },
  {
    what: "a shell command that writes a file",
    pattern:
      /^(?:\$ |> )?(?:cat|tee|printf|echo|python3?|ed|sed|perl|apply_patch|git apply)\b.{0,300}(?:<<-?\s?\\?['"]?\w|>{1,2}\s?["']?[\w./-]{0,100}(?:MEMORY|memory_summary)\.md)/,
  },
  {
    what: "the end of a shell's here-document",
    pattern: /^(?:EOF|EOT|EOS|HEREDOC|__EOF__|PATCH|ENDOFFILE|END_OF_FILE)$/,
  },
  {
    what: "the text of a patch",
    pattern:
      /^\*{3} (?:Begin Patch|End Patch|Update File|Add File|Delete File|Move to|End of File)\b|^@@(?: |$)|^diff --git |^index [0-9a-f]{7,40}\.\.|^(?:---|\+\+\+) (?:[ab]\/|\/dev\/null|\S{0,200}\.md\b)|^(?:<{5,9}|>{5,9}|\|{7})(?: ?[\w./-]{0,80})?$|^\\ No newline at end of file|^(?:SEARCH|REPLACE):?$/,
  },
  {
    what: "the name of a file, not its text",
    pattern:
      /^[\W_]{0,8}(?:(?:file(?:name|path)?|path|datei|fichier|archivo)\s?[:=]\s?)?[`*"'_]{0,3}(?:\.?\/?[\w./-]{0,100}\/)?(?:MEMORY|memory_summary)\.md[`*"'_]{0,3}[\W_]{0,8}(?:\((?:new|updated|modified|unchanged|created)[^)]{0,40}\))?[\W_]{0,4}$/,
  },
];

/** What a model says about its work, at the beginning of a sentence; only prose between lists is compared with it. */
const CHAT: readonly RegExp[] = [
  /^(?:sure|certainly|of course|absolutely|okay|ok|alright|great|perfect|got it|understood|done|finished|all (?:set|done)|no problem|happy to|hello|hi|hey|thanks?|thank you|you're welcome|good (?:question|news)|excellent|right)\b[\s,.!:;—–-]/i,
  /^(?:here(?:'|’)?s|here (?:is|are)|below (?:is|are)|this is|these are|the following (?:is|are)|attached|find below|please find|see below|as requested|as (?:you )?asked)\b.{0,160}\b(?:memory|handbook|file|files|content|contents|version|summary|update|updates|changes|document|markdown|result|output|notes?|draft|rewrite)\b/i,
  /^(?:i|we)(?:'|’)?(?:ve| have|'ll|’ll| will| am|'m|’m| was| can| could| did| need| should| think| believe| hope| added| updated| merged| kept| removed| folded| wrote| created| noticed| notice| see| understand| apologi[sz]e|'d|’d| would)?\b.{0,200}\b(?:memory|handbook|file|files|changes?|updat|merg|fold|notes?|group|groups|section|sections|task|tasks|you|this|these|bullets?|entr(?:y|ies)|summary)/i,
  /^(?:let me|let's|let us|feel free|please (?:let|review|note|confirm|check|find|see|tell)|would you|do you|should i|shall i|can i|could you|if you (?:need|want|have|would|like)|is there anything|anything else|hope (?:this|that)|i hope|don't hesitate|just (?:let|tell|ask)|note that i|in (?:summary|conclusion)|to summarize|overall)\b/i,
  /^(?:(?:key |main |recent |my )?(?:changes|updates|edits|modifications)(?: made)?|what (?:i|has) (?:changed|did|been)|summary of (?:the |my )?(?:changes|updates|edits)|(?:the )?(?:memory|handbook|file|files|MEMORY\.md|update|task|consolidation) (?:has|have|is|are|was|were)(?: now| been)? (?:now )?(?:updated|complete|completed|done|finished|merged|saved|written|created|consolidated|ready))\b/i,
  /^(?:hier (?:ist|sind|kommt)|gerne|natürlich|selbstverständlich|klar|fertig|erledigt|ich habe|ich werde|ich hoffe|lass(?:en sie)? (?:es )?mich|sag(?:en sie)? (?:mir )?bescheid|bei fragen|falls (?:du|sie)|soll ich|möchtest du|möchten sie|die datei wurde|zusammenfassung der änderungen)\b/i,
  /^(?:voici|voilà|bien sûr|d'accord|très bien|j'ai|je (?:vais|viens|peux|reste)|n'hésite[sz]?|souhaite[sz]|si vous|si tu|le fichier a été|terminé|résumé des modifications)(?:\b|\s)/i,
  /^(?:aquí (?:está|tienes|van)|por supuesto|claro|listo|hecho|he (?:actualizado|añadido|fusionado|creado|escrito)|espero que|déjame saber|avísame|házmelo saber|si (?:necesitas|quieres|deseas)|¿|el archivo (?:ha sido|fue)|resumen de (?:los )?cambios)(?:\b|\s)/i,
  /^(?:ecco|certo|certamente|fatto|ho (?:aggiornato|aggiunto)|fammi sapere|aqui está|claro|pronto|atualizei|me avise|hier is|natuurlijk|ik heb|laat het me weten|oto|jasne|gotowe|zaktualizowa|daj mi znać)(?:\b|\s|\p{L})/iu,
  /^(?:вот|конечно|хорошо|готово|я (?:обновил|добавил|объединил|сделал|могу)|если (?:вам|тебе|нужно)|дайте знать|дай знать|надеюсь|обновлённый|ниже приведен)/i,
  /^(?:以下(?:是|为|が|は)|好的|当然|没问题|已(?:经)?(?:更新|完成|合并)|我(?:已|将|会|可以)|如(?:果|需|有)|请(?:告诉|随时|注意|查看)|希望|これは|はい|承知|了解|更新(?:しました|されました)|完了|ご(?:確認|不明|要望)|何か|必要(?:に|で)|다음은|네,|알겠|업데이트|완료|필요(?:하시면|한)|궁금)/,
];

const SIGN = "(?:\\.{3}|…|\\[|\\(|\\{|<|//|/\\*|#\\s?(?:\\.{3}|…))";
const OMISSION =
  "(?:unchanged|omitted|omit|truncated|elided|snipped|snip|abbreviated|redacted for|shortened for|for brevity|as (?:before|is|it was|they were|above)|same as (?:before|above|the|in)|no changes?|not shown|left out|left as|continue[sd]?|continuing|continuation|remain(?:s|ing|der)?|rest of|the rest|rest (?:is|of|remains|unchanged)|existing (?:\\w+ ){0,2}(?:content|contents|text|entries|groups?|tasks?|sections?|items|bullets|lines|memory|file|code)|(?:previous|prior|other|original|earlier|remaining|following|above) (?:\\w+ ){0,2}(?:content|contents|text|entries|groups?|tasks?|sections?|items|bullets|lines|memory|file|code)|keep (?:the )?(?:rest|existing|as)|more (?:lines|entries|items|groups|tasks|statements)|\\d+ (?:more|other|lines?|entries|items|tasks|groups)|content (?:here|goes here|omitted|unchanged|truncated)|insert|placeholder|to be (?:filled|continued|added|completed)|fill (?:in|me)|tbd|todo|etc|and so on|unverändert|ausgelassen|gekürzt|wie (?:bisher|zuvor|oben)|restliche|übrige|inchangée?s?|omise?s?|reste du|tronqué|sin cambios|sin modificar|omitid[oa]s?|resto (?:de|del)|truncado|без изменений|остальн|опущен|省略|不变|其余|以下同|保持不变|変更なし|残り|そのまま|생략|나머지|변경 없음)";

/** A line that stands for text which is not there. Bullets count too, unless they cite a task. */
const PLACEHOLDERS: readonly RegExp[] = [
  /^(?:\.{3,}|…+|(?:\. ){2,}\.?|\[\s?(?:\.{3}|…)\s?\]|<\s?(?:\.{3}|…)\s?>|\(\s?(?:\.{3}|…)\s?\))$/,
  new RegExp(`^${SIGN}+\\s{0,4}.{0,80}?${OMISSION}.{0,100}$`, "iu"),
  new RegExp(`^.{0,60}?${OMISSION}.{0,60}(?:\\.{3}|…)[\\])}>*/]{0,4}$`, "iu"),
  /^(?:rest|remainder|everything else|all else|all other|other (?:groups|tasks|sections|entries|statements)|previous (?:content|groups|sections|entries)|existing (?:content|groups|sections|entries)|content|remaining)\b.{0,60}\b(?:unchanged|omitted|truncated|as before|as is|the same|not changed|remains?|stays?|preserved|kept)\b.{0,30}$/i,
];
