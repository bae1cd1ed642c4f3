/** What is to go wrong, by the name of the port and its method: `jobs.claim`, `files.open`. */
export interface Faults {
  /** The next call fails. */
  once(call: string, error?: () => unknown): void;
  /** Every call fails until it is mended. */
  always(call: string): void;
  mend(): void;
  /** What this call has to reject with; null when it is to work. */
  of(call: string): { readonly error: unknown } | null;
  /** Whether something that was to go wrong has not. */
  pending(): readonly string[];
}

export function faults(): Faults {
  const next = new Map<string, () => unknown>();
  const standing = new Set<string>();
  const broken = (call: string) => () => new Error(`${call} is broken`);
  return {
    once: (call, error = broken(call)) => void next.set(call, error),
    always: (call) => void standing.add(call),
    mend() {
      next.clear();
      standing.clear();
    },
    of(call) {
      if (standing.has(call)) return { error: broken(call)() };
      const error = next.get(call);
      next.delete(call);
      return error === undefined ? null : { error: error() };
    },
    pending: () => [...next.keys()],
  };
}
