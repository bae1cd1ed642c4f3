/**
 * One line of plain words out of a piece of Markdown: emphasis, links, HTML, headings and list marks go, code spans stay
 * in their backticks, and nothing is left at the start that could be read as structure.
 */
export function plainLine(markdown: string): string {
  return unmarked(
    outsideCode(markdown.replace(/\s+/g, " "), (text) =>
      text
        .replace(/!\[([^[\]]{0,200})\]\([^()\s]{0,500}\)/g, "$1")
        .replace(/\[([^[\]]{1,300})\]\((https?:[^()\s]{1,300})\)/g, "$1 ($2)")
        .replace(/\[([^[\]]{1,300})\]\([^()\s]{0,500}\)/g, "$1")
        .replace(/<\/?[a-zA-Z][a-zA-Z0-9-]{0,30}(?:\s[^<>]{0,300})?\/?>/g, " ")
        .replace(/\*\*|__(?=\S)|(?<=\S)__(?!\w)/g, "")
        .replace(/~~/g, "")
        .replace(/(?<![\w*\\/])\*(?=[^\s*])([^*]{1,300}?)(?<=\S)\*(?![\w*])/g, "$1")
        .replace(/(?<![\w\\/])_(?=[^\s_])([^_]{1,300}?)(?<=\S)_(?!\w)/g, "$1"),
    )
      .replace(/\s+/g, " ")
      .trim(),
  );
}

/** Comments can hold words no reader of the rendered note ever saw. An unclosed one hides the rest. */
export function withoutComments(markdown: string): string {
  let rest = markdown;
  let kept = "";
  for (;;) {
    const open = rest.indexOf("<!--");
    if (open < 0) return kept + rest;
    kept += `${rest.slice(0, open)} `;
    const close = rest.indexOf("-->", open + 4);
    if (close < 0) return kept;
    rest = rest.slice(close + 3);
  }
}

/** Applies `change` to what lies outside of backticks. */
function outsideCode(text: string, change: (text: string) => string): string {
  const parts = text.split(/(`{1,3}[^`]{1,400}`{1,3})/);
  return parts.map((part, at) => (at % 2 === 0 ? change(part) : codeSpan(part))).join("");
}

/** A block squeezed into a line is no code span: left out when long, and its language tag in any case. */
function codeSpan(span: string): string {
  const isBlock = span.startsWith("```");
  const code = span.replace(isBlock ? /^`+(?:[a-z]{1,12}\s)?|`+$/g : /^`+|`+$/g, "").trim();
  return code === "" || (isBlock && code.length > 80) ? "" : `\`${code}\``;
}

/** Leading list, heading, quote, check-box, emoji and numbering marks; stray backtick runs. */
export function unmarked(line: string): string {
  let text = line;
  for (let round = 0; round < 6; round++) {
    const next = text
      .replace(/^(?:[-*+>|•◦▪‣–—·#=~]+\s*|\[[ xX]\]\s+|\(?\d{1,3}[.)]\s+|[a-zA-Z][.)]\s+)/, "")
      .replace(/^(?:\p{Extended_Pictographic}|\ufe0f|\u200d)+\s*/u, "");
    if (next === text) break;
    text = next;
  }
  return text
    .replace(/`{3,}\w*/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}
