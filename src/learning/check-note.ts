import { fromPromise } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { Finding } from "../domain/generation.ts";
import { isBlank, type Stage1Output } from "../domain/memory.ts";
import type { CheckAnswer, ExtractInput } from "../domain/phase1.ts";
import type { EvidenceRow as KeptEvidence } from "../domain/session.ts";
import type { Evidence, EvidenceRow, Extraction } from "../extraction/index.ts";
import { cleanRecord, judgeRecord } from "../import/record.ts";
import { isInstruction } from "../text/injection.ts";
import { lastExtraction } from "./extract-note.ts";
import type { LearningDeps, RunCache } from "./run-cache.ts";

/** As large as the original allows. */
const MOST_SUMMARY_BYTES = 9_000;
const MOST_MEMORY_BYTES = 64 * 1024;
const MOST_EVIDENCE = 200;
const MOST_EVIDENCE_LENGTH = 2_000;

/** What became of one note: the one that may be kept, and what was cut out of it or is wrong with it. */
interface Checked {
  readonly note: Stage1Output | null;
  readonly evidence: readonly KeptEvidence[];
  readonly findings: readonly Finding[];
}

/**
 * Holds the note to the rules of an import, to its size, and each of its wishes to the words of a person: a line that
 * nobody said is cut out and told. What an agent wrote may name no command that does not stand in the evidence.
 */
export function checkNote(deps: LearningDeps, cache: RunCache) {
  return fromPromise<CheckAnswer, ExtractInput & { repairsLeft: number }>(async ({ input }) => {
    const extraction = await lastExtraction(deps, cache, input);
    const checked = await check(extraction, await cache.evidence(input), deps.runner !== null);
    for (const finding of checked.findings) deps.holder.recordEvent("gate.finding", finding);
    const codes = [...new Set(checked.findings.map(({ code }) => code))].slice(0, 10);
    const found = { findings: checked.findings.length, codes };
    const faults = checked.findings.filter(({ severity }) => severity !== "warn");
    if (faults.length > 0) {
      cache.faults = faults.map(({ message }) => message);
      return { verdict: input.repairsLeft > 0 ? "repairable" : "refused", ...found };
    }
    if (checked.note === null) return { verdict: "empty", ...found };
    cache.checked = { note: checked.note, evidence: checked.evidence };
    return { verdict: "passed", ...found };
  });
}

/** The note that passed; made again where this process has taken the run over. */
export async function noteOf(
  deps: LearningDeps,
  cache: RunCache,
  input: Omit<ExtractInput, "repair"> & { readonly repair: null },
): Promise<{ readonly note: Stage1Output; readonly evidence: readonly KeptEvidence[] }> {
  if (cache.checked !== null) return cache.checked;
  const extraction = await lastExtraction(deps, cache, input);
  const { note, evidence, findings } = await check(
    extraction,
    await cache.evidence(input),
    deps.runner !== null,
  );
  if (note === null || findings.some(({ severity }) => severity !== "warn")) {
    throw new SlowwaveError(
      "extraction_lost",
      "The note that was checked was lost; the session is learned again.",
    );
  }
  return { note, evidence };
}

export async function check(extraction: Extraction, evidence: Evidence, isAgents: boolean): Promise<Checked> {
  if (extraction.kind === "none") return { note: null, evidence: [], findings: [] };
  const { note, cited } = extraction;
  const faults = isAgents ? faultsOf(note) : [];
  if (faults.length > 0) return { note: null, evidence: [], findings: faults };
  const findings: Finding[] = [];
  const cut = (text: string) => withoutUnsaid(text, evidence.rows, { isAgents, findings });
  const { record } = await cleanRecord({
    ...note,
    rawMemory: cut(note.rawMemory),
    rolloutSummary: cut(note.rolloutSummary),
  });
  if (isBlank(record)) return { note: null, evidence: [], findings };
  const verdict = judgeRecord(record, "camel");
  if (!("record" in verdict)) findings.push(fault(verdict.code, verdict.message));
  return { note: record, evidence: rowsOf(record, evidence.rows, cited, isAgents), findings };
}

function faultsOf({ rawMemory, rolloutSummary }: Stage1Output): readonly Finding[] {
  const summary = Buffer.byteLength(rolloutSummary);
  const memory = Buffer.byteLength(rawMemory);
  if (summary + memory === 0) {
    const fields = "rollout_summary, rollout_slug and raw_memory";
    return [fault("note_not_json", `note.json must be one JSON object with ${fields}, and no other field.`)];
  }
  return [
    ...(summary > MOST_SUMMARY_BYTES
      ? [
          fault(
            "note_too_large",
            `rollout_summary has ${summary} bytes; at most ${MOST_SUMMARY_BYTES} are kept.`,
          ),
        ]
      : []),
    ...(memory > MOST_MEMORY_BYTES
      ? [fault("note_too_large", `raw_memory has ${memory} bytes; at most ${MOST_MEMORY_BYTES} are kept.`)]
      : []),
  ];
}

function fault(code: string, message: string): Finding {
  return { code, severity: "repair", path: null, message, repair: message };
}

function dropped(code: string, message: string): Finding {
  return { code, severity: "warn", path: null, message, repair: null };
}

const WISHES = /^(?:#{1,6}\s.*\bpreferences?\b|\W*preference signals?\b.*:\W*$)/i;
const HEADING = /^(?:#{1,6}\s|[A-Z][\w ]{2,40}:\s*$)/;
const BULLET = /^\s*[-*]\s+/;
const NOTHING = /^\W*(?:none|nothing|no preferences?)\W*$/i;

/** The text without the lines that nobody said, or that name a command nobody ran. */
function withoutUnsaid(
  text: string,
  rows: readonly EvidenceRow[],
  { isAgents, findings }: { readonly isAgents: boolean; readonly findings: Finding[] },
): string {
  const spoken = rows.filter(({ tier }) => tier === "person").map((row) => plainWords(row.text));
  const done = isAgents ? plainWords(rows.map(wholeOf).join("\n")) : "";
  let isWishes = false;
  const kept = text.split("\n").filter((line) => {
    if (HEADING.test(line) || WISHES.test(line)) isWishes = WISHES.test(line);
    if (!BULLET.test(line)) return true;
    if (isWishes && !NOTHING.test(line) && !isQuoted(line, spoken)) {
      findings.push(
        dropped("preference_not_said", "A preference was left out: no person said it in these words."),
      );
      return false;
    }
    if (isAgents && isInstruction(line.replace(BULLET, "")) && !isQuoted(line, spoken)) {
      findings.push(dropped("instruction_in_note", "A line was left out that gives orders nobody gave."));
      return false;
    }
    const invented = isAgents && codeIn(line).some((code) => !done.includes(plainWords(code)));
    if (invented)
      findings.push(dropped("command_not_run", "A line was left out: it names what is not in the session."));
    return !invented;
  });
  return kept.join("\n");
}

/** Whether the line quotes a person, word for word. A quotation that goes on in dots is one up to there. */
function isQuoted(line: string, spoken: readonly string[]): boolean {
  const quoted = [...line.matchAll(/"([^"]{3,})"|“([^”]{3,})”/g)].map((found) => found[1] ?? found[2] ?? "");
  // A person's words may hold quotation marks themselves: then all from the first to the last is what was said.
  const whole = /"(.{3,})"/.exec(line)?.[1];
  const wanted = [...quoted, ...(whole === undefined ? [] : [whole])].map((words) =>
    plainWords(words.replace(/(?:\.\.\.|…)$/, "")),
  );
  return wanted.some((words) => words.length > 2 && spoken.some((text) => text.includes(words)));
}

function codeIn(line: string): readonly string[] {
  return [...line.matchAll(/`([^`]{2,})`/g)].map((found) => found[1] ?? "");
}

function wholeOf({ text, tool }: EvidenceRow): string {
  return tool === undefined ? text : [tool.name, tool.command, tool.input, ...tool.files, text].join("\n");
}

function plainWords(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** What the note rests on: the rows it was made of, or (of an agent's) those whose words or commands it repeats. */
function rowsOf(
  { rawMemory, rolloutSummary }: Stage1Output,
  rows: readonly EvidenceRow[],
  cited: readonly number[],
  isAgents: boolean,
): readonly KeptEvidence[] {
  const note = plainWords(`${rawMemory}\n${rolloutSummary}`);
  const named = new Set(cited);
  const isNamed = (row: EvidenceRow) => {
    if (!named.has(row.position)) return false;
    if (!isAgents || row.tier === "final") return true;
    const command = plainWords(row.tool?.command ?? "");
    return row.tool === undefined
      ? plainWords(row.text)
          .match(/[^.!?]{12,}/g)
          ?.some((words) => note.includes(words.trim())) === true
      : command !== "" && note.includes(command);
  };
  return rows
    .filter(isNamed)
    .slice(0, MOST_EVIDENCE)
    .map((row) => ({
      position: row.position,
      tier: row.tier,
      saidAt: row.at,
      text: (row.tool === undefined ? row.text : `${row.tool.command ?? row.tool.input}\n${row.text}`)
        .trim()
        .slice(0, MOST_EVIDENCE_LENGTH),
    }));
}
