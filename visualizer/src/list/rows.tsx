import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { scrollTo, windowOf } from "./window.ts";

export interface RowsProps {
  readonly count: number;
  readonly rowHeight: number;
  /** -1 = none. */
  readonly chosen: number;
  readonly label: string;
  /** Unique on the page. */
  readonly id: string;
  readonly class?: string;
  /** Stays at the end while rows are added, unless someone scrolled away. */
  readonly follows?: boolean;
  keyOf(row: number): string | number;
  classOf?(row: number): string;
  render(row: number): ComponentChildren;
  choose(row: number): void;
}

/** A list of any length of which only what is seen exists. One stop for the keyboard; arrows move the choice. */
export function Rows(props: RowsProps) {
  const { count, rowHeight, chosen, id, follows = false } = props;
  const box = useRef<HTMLDivElement>(null);
  const place = useSignal({ top: 0, height: 600 });
  const isAtEnd = useRef(true);

  const measure = () => {
    const at = box.current;
    if (at === null) return;
    isAtEnd.current = at.scrollTop + at.clientHeight >= at.scrollHeight - rowHeight * 1.5;
    place.value = { top: at.scrollTop, height: at.clientHeight };
  };
  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    if (box.current !== null) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const at = box.current;
    if (at === null || chosen < 0) return;
    const to = scrollTo(chosen, rowHeight, at.scrollTop, at.clientHeight);
    if (to !== null) at.scrollTop = to;
  }, [chosen]);
  useEffect(() => {
    if (follows && isAtEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [count, follows]);

  const { first, end } = windowOf(count, rowHeight, place.value.top, place.value.height);
  const rows = Array.from({ length: end - first }, (_, at) => first + at);
  const move = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(place.peek().height / rowHeight) - 1);
    const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page }[event.key];
    if (by === undefined || count === 0) return;
    event.preventDefault();
    event.stopPropagation();
    props.choose(Math.max(0, Math.min(count - 1, (chosen < 0 ? (by > 0 ? -1 : count) : chosen) + by)));
  };
  const isSeen = chosen >= first && chosen < end;
  return (
    <div
      ref={box}
      class={`rows ${props.class ?? ""}`}
      role="listbox"
      tabIndex={0}
      aria-label={props.label}
      {...(isSeen ? { "aria-activedescendant": `${id}-${chosen}` } : {})}
      onScroll={measure}
      onKeyDown={move}
    >
      <div class="rows-inside" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {rows.map((row) => (
          // biome-ignore lint/a11y/useFocusableInteractive: the list holds the focus and names the active row
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
          <div
            key={props.keyOf(row)}
            id={`${id}-${row}`}
            class={`row ${props.classOf?.(row) ?? ""}${row === chosen ? " chosen" : ""}`}
            role="option"
            aria-selected={row === chosen}
            aria-setsize={count}
            aria-posinset={row + 1}
            style={{ transform: `translateY(${row * rowHeight}px)`, height: `${rowHeight}px` }}
            onClick={() => props.choose(row)}
          >
            {props.render(row)}
          </div>
        ))}
      </div>
    </div>
  );
}
