/** What is to go wrong, by the name of the port and its method: `jobs.claim`, `files.open`. */
export interface Faults {
  /** The next call fails. */
  once(call: string, error?: () => unknown): void;
  /** The next call fails, and its repetition. */
  twice(call: string): void;
  /** Every call fails until it is mended. */
  always(call: string): void;
  mend(): void;
  /** What this call has to reject with; null when it is to work. */
  of(call: string): { readonly error: unknown } | null;
  /** Whether something that was to go wrong has not. */
  pending(): readonly string[];
}

export function faults(): Faults {
  const next = new Map<string, readonly (() => unknown)[]>();
  const standing = new Set<string>();
  const broken = (call: string) => () => new Error(`${call} is broken`);
  return {
    once: (call, error = broken(call)) => void next.set(call, [error]),
    twice: (call) => void next.set(call, [broken(call), broken(call)]),
    always: (call) => void standing.add(call),
    mend() {
      next.clear();
      standing.clear();
    },
    of(call) {
      if (standing.has(call)) return { error: broken(call)() };
      const [error, ...left] = next.get(call) ?? [];
      if (left.length > 0) next.set(call, left);
      else next.delete(call);
      return error === undefined ? null : { error: error() };
    },
    pending: () => [...next.keys()],
  };
}
