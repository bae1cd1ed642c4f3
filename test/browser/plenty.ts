import type { Store } from "../../src/domain/ports.ts";
import type { RunRecord } from "../../src/domain/run.ts";

const AT_ONCE = 500;

/** Fills a home with finished runs like this one, as years would; their ids are older than any other. */
export async function manyRuns(store: Store, like: RunRecord, count: number): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, at) => from + at);
    await Promise.all(
      batch.map((n) => {
        const id = `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
        const atMs = like.createdAtMs - (count - n) * 60_000;
        const { space, machine, version, hash, owner, snapshot } = like;
        return store.runs.create(
          { id, space, machine, version, hash, owner, createdAtMs: atMs },
          {
            ...{
              run: id,
              fence: 0,
              sequence: 0,
              atMs,
              event: '{"type":"xstate.init"}',
              eventType: "xstate.init",
            },
            ...{ value: "skipped", snapshot, state: "done", intents: [] },
          },
        );
      }),
    );
  }
}

/** What an agent says in a long day. */
export async function manyWords(store: Store, run: string, count: number, atMs: number): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, at) => from + at);
    await Promise.all(
      batch.map((n) =>
        store.runs.note(run, { atMs: atMs + n, type: "agent.message", data: { text: `word number ${n}` } }),
      ),
    );
  }
}
