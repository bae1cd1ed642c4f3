/** Which rows of a long list are on the screen, with some beyond each edge for fast scrolling. */
export function windowOf(
  count: number,
  rowHeight: number,
  scrollTop: number,
  height: number,
  beyond = 8,
): { readonly first: number; readonly end: number } {
  const first = Math.max(0, Math.min(count, Math.floor(scrollTop / rowHeight) - beyond));
  return { first, end: Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + beyond) };
}

/** Where to scroll so that a row is seen whole; null when it is. */
export function scrollTo(row: number, rowHeight: number, scrollTop: number, height: number): number | null {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : null;
}
