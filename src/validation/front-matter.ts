/**
 * The plain entries at the head of a Markdown file: `key: value`, quoted or not, and folded or literal blocks. Lists and
 * maps are passed over. Null when the file has no such head, or it doesn't end.
 */
export function frontMatterOf(text: string): Readonly<Record<string, string>> | null {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trimEnd() !== "---") return null;
  const end = lines.findIndex((line, at) => at > 0 && line.trimEnd() === "---");
  if (end < 0) return null;
  const entries = new Map<string, string>();
  let block: string | null = null;
  for (const line of lines.slice(1, end)) {
    const entry = /^([A-Za-z][\w-]{0,60}):(?:\s+(.*))?$/.exec(line);
    if (entry === null) {
      if (block !== null && /^\s/.test(line)) {
        entries.set(block, `${entries.get(block)} ${line.trim()}`.trim());
      }
      continue;
    }
    const [, key = "", value = ""] = entry;
    block = /^[>|][+-]?\s*$/.test(value) ? key : null;
    entries.set(key, block === null ? plain(value) : "");
  }
  return Object.fromEntries(entries);
}

function plain(value: string): string {
  const quoted = /^"(.*)"\s*$|^'(.*)'\s*$/.exec(value);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? "";
  return value.replace(/\s+#.*$/, "").trim();
}
