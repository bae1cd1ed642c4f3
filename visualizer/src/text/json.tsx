import { shortened, visible } from "./visible.ts";

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/g;
const LIMIT = 60_000;
/** Beyond this, colours cost more than they help. */
const COLOURED = 20_000;

/** A JSON value, indented and coloured by kind. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const { text, left } = shortened(JSON.stringify(value, null, 2) ?? "undefined", LIMIT);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="json" aria-label={label} tabIndex={0}>
      <pre>
        <code>{text.length > COLOURED ? visible(text) : coloured(text)}</code>
        {left > 0 && <span class="more">{`\n… ${left.toLocaleString("en")} more characters`}</span>}
      </pre>
    </section>
  );
}

function coloured(text: string) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(TOKEN)) {
    parts.push(text.slice(from, found.index));
    const [whole, string, colon, number] = found;
    const kind =
      string === undefined
        ? number === undefined
          ? "word"
          : "number"
        : colon === undefined
          ? "string"
          : "key";
    parts.push(<span class={kind}>{visible(string ?? whole)}</span>, colon ?? "");
    from = found.index + whole.length;
  }
  return [...parts, text.slice(from)];
}
