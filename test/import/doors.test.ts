import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../../src/domain/failure.ts";
import type { Stage1Input } from "../../src/domain/memory.ts";
import { readStage1 } from "../../src/import/stage1-file.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { bytes, FRAGMENTS, ODD, record, refusals } from "./odd-records.ts";

function inLibrarySpelling(fields: Record<string, unknown>): Stage1Input {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [camel(name), value]),
  ) as unknown as Stage1Input;
}

describe("every door", () => {
  test("makes the same stored row of a record, or refuses it with the same code", async () => {
    const stores = [openMemoryStore(), await openSqliteStore({ path: ":memory:" })];
    let spaces = 0;
    await fc.assert(
      fc.asyncProperty(record, async (fields) => {
        spaces += 1;
        // JSON can't say what is left out otherwise, and keeps half characters as escapes.
        const { outputs, rejected } = await readStage1(bytes(JSON.stringify(fields)));
        const answers = [];
        for (const store of stores) {
          const given = inLibrarySpelling(JSON.parse(JSON.stringify(fields)) as Record<string, unknown>);
          const upserted = await store.memories
            .upsert(`library ${spaces}`, [given])
            .catch((error: unknown) => codeOf(error));
          if (outputs.length > 0) await store.memories.upsert(`import ${spaces}`, outputs);
          const rows = [
            await store.memories.select(`library ${spaces}`, 9),
            await store.memories.select(`import ${spaces}`, 9),
          ];
          answers.push({ refused: typeof upserted === "string" ? upserted : null, rows });
        }
        const expected = { refused: rejected[0]?.code ?? null, rows: [outputs, outputs] };
        expect(answers).toEqual([expected, expected]);
      }),
      { numRuns: 150 },
    );
    await Promise.all(stores.map((store) => store.close()));
  });
});

describe("whatever import accepts, the gate lets through what the built-in agent makes of it", () => {
  const at = (n: number, some: object) => ({
    thread_id: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    source_updated_at: 1_760_000_000 + n,
    raw_memory: "- The build uses make and Node 24.",
    rollout_summary: "Built the site.",
    cwd: `/w/p${n}`,
    rollout_path: `/r/${n}.jsonl`,
    ...some,
  });

  test.each([
    ["raw memories", FRAGMENTS.map((raw_memory, n) => at(n, { raw_memory }))],
    ["summaries", FRAGMENTS.map((rollout_summary, n) => at(n, { rollout_summary }))],
    ["thread ids", ODD.map((thread_id, n) => at(n, { thread_id }))],
    [
      "folders, paths, branches and slugs",
      ODD.map((odd, n) => at(n, { cwd: `/w/${odd}`, rollout_path: odd, git_branch: odd, rollout_slug: odd })),
    ],
  ])("odd %s, all at once", async (_, records) => {
    expect(await refusals(records)).toEqual([]);
  });

  test("odd records of every kind together; the long tests try many more", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 6 }), async (records) => {
        expect(await refusals(records)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});
