import { disguisesText, readableText } from "../text/sanitize.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { withoutComments } from "./plain.ts";
import { type Section, sectionOf, taskTitle } from "./sections.ts";
import { type Statement, statementsIn } from "./statement.ts";
import { type Head, splitHead } from "./yaml-head.ts";

/** What one session wrote down: a head, and its subjects with what was learned about each. */
export interface Note {
  readonly head: Head;
  readonly subjects: readonly Subject[];
  /** First heading that names no section: what the note calls itself. */
  readonly title: string | null;
}

interface Subject {
  readonly title: string | null;
  readonly statements: readonly Statement[];
}

/** More statements than this from one session are not a memory but a transcript. */
const mostStatements = 200;
const mostSubjects = 12;

export function readNote(text: string): Note {
  const shown = text.split("\n").filter((line) => !disguisesText(line));
  const { head, body } = splitHead(withoutComments(readableText(shown.join("\n"))));
  const subjects: { title: string | null; statements: Statement[] }[] = [{ title: null, statements: [] }];
  let title: string | null = null;
  let section: Section = "other";
  let count = 0;
  const add = (markdown: string, isProse: boolean, within = section) => {
    if (count >= mostStatements) return;
    const found = statementsIn(markdown, within, isProse);
    count += found.length;
    subjects.at(-1)?.statements.push(...found);
  };
  let lead: { text: string; indent: number } | null = null;
  for (const block of joinedSymptoms(blocksOf(body))) {
    if (block.kind === "heading") {
      const next = sectionOf(block.text);
      const isLead = next === "other" && block.level === 5 && block.text.split(/\s+/).length >= 3;
      lead = isLead ? { text: `${block.text}:`, indent: 0 } : null;
      const named = taskTitle(block.text);
      if (named !== null && subjects.length < mostSubjects) subjects.push({ title: named, statements: [] });
      if (next === "other" && title === null && block.level < 5) title = block.text;
      section =
        next === "task" || (next === "other" && block.level < 5)
          ? "other"
          : next === "other"
            ? section
            : next;
    } else if (block.kind === "code") {
      const command = onlyCommand(block);
      if (command !== null && lead !== null) add(`${lead.text} \`${command}\``, false);
      lead = null;
    } else if (block.kind === "row") {
      if (!isProgress(block)) add(rowText(block), false);
    } else if (/[:：]\s*$/.test(block.text) && block.text.length <= 120) {
      lead = { text: block.text, indent: block.kind === "item" ? block.indent : 0 };
    } else if (block.kind === "item" && lead !== null && block.indent > lead.indent && isTelling(lead.text)) {
      add(`${lead.text} ${block.text}`, false);
    } else {
      lead = block.kind === "item" ? lead : null;
      if (block.kind === "item" && lead !== null && block.indent <= lead.indent) lead = null;
      add(block.text, block.kind === "text");
    }
  }
  return { head, title, subjects };
}

/** Whether the words that open a list say what it is about, rather than that a list follows. */
function isTelling(lead: string): boolean {
  return (
    lead.length <= 60 &&
    !/^\W*(?:here|the following|changes?|summary|key|this|these|what|added|updated|created|now|i |i'|we )/i.test(
      lead,
    )
  );
}

/** A code block of one short line is a command worth naming. */
function onlyCommand(block: Extract<Block, { kind: "code" }>): string | null {
  const lines = block.lines.map((line) => line.trim().replace(/^\$ /, "")).filter((line) => line !== "");
  const [line] = lines;
  return lines.length === 1 && line !== undefined && line.length <= 100 && !line.includes("`") ? line : null;
}

/** A row of a list of what was done to numbered points, or of a table of results. */
function isProgress({ cells, header }: Extract<Block, { kind: "row" }>): boolean {
  if (
    header.some((cell) => /^(?:status|outcome|result|verdict|done|action|change|before|after)\b/i.test(cell))
  )
    return true;
  return (
    /^#?\d{1,4}(?: ?[&,] ?\d{1,4})*$/.test((cells[0] ?? "").replace(/[*_`]/g, "")) &&
    header.some((cell) => /^(?:fix|finding|issue)/i.test(cell))
  );
}

function rowText({ cells, header }: Extract<Block, { kind: "row" }>): string {
  const skip = /^#?\d*$/.test(cells[0] ?? "") ? 1 : 0;
  const [first = "", ...others] = cells.slice(skip);
  const named = others.flatMap((cell, at) => {
    if (cell === "" || cell === "-") return [];
    const name = header[at + 1 + skip] ?? "";
    return [others.length === 1 || name === "" ? cell : `${name} ${cell}`];
  });
  return named.length === 0 ? first : `${first}: ${named.join("; ")}`;
}

/** Items `Symptom: …`, `Cause: …`, `Fix: …` in a row tell one failure. */
function joinedSymptoms(blocks: readonly Block[]): readonly Block[] {
  const joined: Block[] = [];
  for (const block of blocks) {
    const last = joined.at(-1);
    const isTold =
      block.kind === "item" &&
      /^\W*(?:root )?(?:cause|fix|solution|workaround|prevention|ursache|lösung|cause|solución|原因|対策|解决)\W*[:：]/iu.test(
        block.text,
      );
    const isOpen =
      last?.kind === "item" &&
      /^\W*(?:symptoms?|problem|issue|error|failure|symptom|fehler|症状|问题)\W*[:：]/iu.test(last.text);
    if (isTold && isOpen)
      joined[joined.length - 1] = { ...last, text: `${last.text.replace(/[.;\s]+$/, "")}; ${block.text}` };
    else joined.push(block);
  }
  return joined;
}
