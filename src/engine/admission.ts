/** One run's right to be at work in this process. */
export interface Place {
  /** The run that works here; null while it is about to begin. */
  run: string | null;
  /** Gives the place to whoever waits; does nothing the second time. */
  leave(): void;
}

/**
 * The one limit of runs at work in a process: what is begun and what is taken over from a dead process count alike.
 * Takeovers come first when a place is free, since their spaces are held by leases that nobody renews.
 */
export interface Admission {
  /** Null: no limit. A lower limit than there are runs ends none; nothing begins until enough have ended. */
  setLimit(limit: number | null): void;
  /** Waits, in the order of the calls, until a place is free. Rejects when `close` is called first. */
  enter(): Promise<Place>;
  /** Null when every place is taken; `onPlaceFree` is called then as soon as one is free. */
  tryEnter(): Place | null;
  /** A place beyond the limit: for a run that is taken over to be cancelled. */
  force(): Place;
  /** Nobody who waits is admitted any more. */
  close(reason: Error): void;
}

/** `onPlaceFree`: a place is free for which `tryEnter` was refused before. */
export function createAdmission(limit: number | null, onPlaceFree: () => void): Admission {
  const taken = new Set<Place>();
  const waiting: { readonly admit: (place: Place) => void; readonly reject: (reason: Error) => void }[] = [];
  let most = limit ?? Number.POSITIVE_INFINITY;
  let wasRefused = false;

  function force(): Place {
    const place: Place = {
      run: null,
      leave: () => {
        if (taken.delete(place)) admitNext();
      },
    };
    taken.add(place);
    return place;
  }

  function admitNext(): void {
    if (taken.size < most && wasRefused) {
      wasRefused = false;
      onPlaceFree();
    }
    while (taken.size < most) {
      const next = waiting.shift();
      if (next === undefined) return;
      next.admit(force());
    }
  }

  return {
    force,
    setLimit: (next) => {
      most = next ?? Number.POSITIVE_INFINITY;
      admitNext();
    },
    enter: () =>
      new Promise((resolve, reject) => {
        waiting.push({ admit: resolve, reject });
        admitNext();
      }),
    tryEnter: () => {
      if (taken.size < most) return force();
      wasRefused = true;
      return null;
    },
    close: (reason) => {
      for (const { reject } of waiting.splice(0)) reject(reason);
    },
  };
}
