import { shortened, visibleLine } from "./visible.ts";

/** A stranger's text, as text: its own direction, nothing invisible, never more than fits. */
export function Line({ text, limit = 300 }: { text: string; limit?: number }) {
  const { text: head, left } = shortened(text, limit);
  return (
    <bdi>
      {visibleLine(head)}
      {left > 0 && <span class="more">… {left.toLocaleString("en")} more</span>}
    </bdi>
  );
}
