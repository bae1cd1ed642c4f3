import type { Files, Folder } from "../../../src/files/folder.ts";

/**
 * What stands between an engine and a port: a dead process's calls never come back, calls can be held and broken.
 */
export interface Passage {
  isDead(): boolean;
  /** Resolves when the call may go on. */
  enter(call: string): Promise<void> | null;
  fault(call: string): { readonly error: unknown } | null;
  /** Told what a call answered. */
  leave(call: string, request: unknown, answer: unknown): void;
}

/** The same port, each of whose calls takes the passage. Its methods all answer with promises. */
export function throughPassage<Port extends object>(name: string, port: Port, passage: Passage): Port {
  return new Proxy(port, {
    get(target, key, receiver) {
      const method: unknown = Reflect.get(target, key, receiver);
      // To listen is no step of a run.
      const isStep = typeof method === "function" && typeof key === "string" && key !== "watch";
      if (!isStep) return method;
      const call = `${name}.${key}`;
      return async (...request: unknown[]) => {
        if (passage.isDead()) return never();
        const entry = passage.enter(call);
        // Without a wait the call is made at once, as it would be without a passage.
        if (entry !== null) await entry;
        if (passage.isDead()) return never();
        const fault = passage.fault(call);
        if (fault !== null) throw fault.error;
        const answer: unknown = await Reflect.apply(method, target, request);
        if (passage.isDead()) return never();
        passage.leave(call, request[0], answer);
        return answer;
      };
    },
  });
}

/** The same port, whose calls are kept in a set until they are answered. */
export function counting<Port extends object>(port: Port, underWay: Set<Promise<unknown>>): Port {
  return new Proxy(port, {
    get(target, key, receiver) {
      const method: unknown = Reflect.get(target, key, receiver);
      if (typeof method !== "function" || key === "watch") return method;
      return (...request: unknown[]) => {
        const answer: unknown = Reflect.apply(method, target, request);
        if (!(answer instanceof Promise)) return answer;
        const done = () => void underWay.delete(answer);
        underWay.add(answer);
        answer.then(done, done);
        return answer;
      };
    },
  });
}

const OPENS: ReadonlySet<string | symbol> = new Set(["open", "enter", "parent"]);

/** The same files, or the same folder of them: its calls and those of the folders that it opens are kept likewise. */
export function countingFiles<Opened extends Files | Folder>(
  opened: Opened,
  underWay: Set<Promise<unknown>>,
): Opened {
  return new Proxy(counting(opened, underWay), {
    get(target, key, receiver) {
      const method: unknown = Reflect.get(target, key, receiver);
      if (typeof method !== "function") return method;
      if (key === "entries") {
        const entries = method as Folder["entries"];
        const next = () => counting(entries()[Symbol.asyncIterator](), underWay);
        return () => ({ [Symbol.asyncIterator]: next });
      }
      if (!OPENS.has(key)) return method;
      return async (...request: unknown[]) =>
        countingFiles(await Reflect.apply(method, target, request), underWay);
    },
  });
}

/** The same port with some methods of one's own. */
export function overriding<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, key, receiver) => Reflect.get(key in methods ? methods : target, key, receiver),
  });
}

export function never(): Promise<never> {
  return new Promise(() => {});
}
