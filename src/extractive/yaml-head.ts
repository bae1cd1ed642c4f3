/** The fields of a note's head that are of use; every one may be missing. All of it is untrusted text. */
export interface Head {
  readonly description: string | null;
  readonly task: string | null;
  readonly taskGroup: string | null;
  readonly keywords: readonly string[];
}

const known =
  /^(description|title|task|task_group|task_outcome|outcome|cwd|keywords|tags|rollout_summary_files?|git_branch|date|author|updated_at|thread_id|source|agent|model|status|name|type|version|created|session)\s*:(.*)$/i;

/**
 * Takes the head off a note, whole, unclosed, or written without its dashes. The rest is returned as it is: a `---`
 * that begins no head is a rule, not the start of one.
 */
export function splitHead(note: string): { readonly head: Head; readonly body: string } {
  const lines = note.split("\n", 80);
  let at = lines.findIndex((line) => line.trim() !== "");
  if (at < 0) return { head: headFrom([]), body: note };
  const dashed = lines[at]?.trim() === "---";
  if (dashed) at++;
  const close = dashed
    ? lines.findIndex((line, index) => index >= at && /^(?:---|\.\.\.)\s*$/.test(line))
    : -1;
  const isHead = (line: string) => known.test(line.trim()) || /^\s+\S|^\s*-\s+\S/.test(line);
  const fits =
    close >= 0 &&
    lines.slice(at, close).every((line) => line.trim() === "" || /^\s*(?:[\w-]+\s*:|-\s|#|\s)/.test(line));
  if (fits) return { head: headFrom(lines.slice(at, close)), body: rest(note, close + 1) };
  let end = at;
  let fields = 0;
  while (
    end < lines.length &&
    ((end > at && isHead(lines[end] ?? "")) || known.test((lines[end] ?? "").trim()))
  ) {
    if (known.test((lines[end] ?? "").trim())) fields++;
    else if (!/^\s/.test(lines[end] ?? "")) break;
    end++;
  }
  if (fields < (dashed ? 1 : 2)) return { head: headFrom([]), body: dashed ? rest(note, at) : note };
  if (lines[end]?.trim() === "---") end++;
  return { head: headFrom(lines.slice(at, end)), body: rest(note, end) };
}

function rest(note: string, line: number): string {
  let at = 0;
  for (let skipped = 0; skipped < line; skipped++) {
    const next = note.indexOf("\n", at);
    if (next < 0) return "";
    at = next + 1;
  }
  return note.slice(at);
}

function headFrom(lines: readonly string[]): Head {
  const fields = new Map<string, string[]>();
  let last: string[] | null = null;
  for (const line of lines) {
    const field = /^\s{0,2}([A-Za-z_]{2,30})\s*:\s*(.*)$/.exec(line.slice(0, 2_000));
    if (field !== null) {
      last = [field[2] ?? ""];
      fields.set((field[1] ?? "").toLowerCase(), last);
    } else if (line.trim() !== "") last?.push(line.trim().slice(0, 500));
  }
  const text = (name: string) => {
    const value = (fields.get(name) ?? []).filter((part) => !/^[>|][+-]?$/.test(part)).join(" ");
    return unquoted(value) || null;
  };
  const words = [...(fields.get("keywords") ?? []), ...(fields.get("tags") ?? [])].flatMap((part) =>
    part.replace(/^[[-]\s*|\]$/g, "").split(/[,;、，]/),
  );
  return {
    description: text("description") ?? text("title"),
    task: text("task"),
    taskGroup: text("task_group"),
    keywords: words.map(unquoted).filter((word) => word !== ""),
  };
}

function unquoted(value: string): string {
  return value
    .trim()
    .replace(/^(["'])(.*)\1$/s, "$2")
    .trim();
}
