/** One difference between two JSON values. */
export interface Change {
  /** `context.agent.id` */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What differs, leaf by leaf; absent is `undefined`. Lists are compared place by place. */
export function changesOf(before: unknown, after: unknown, path = ""): readonly Change[] {
  if (Object.is(before, after)) return [];
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after)) {
    return [{ path, before, after }];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => changesOf(before[key], after[key], path === "" ? key : `${path}.${key}`));
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
