import type { MemoryStore, Stage1Output } from "../../domain/memory.ts";
import { hashOfText } from "../refusals.ts";
import { putBlobs } from "./blobs.ts";
import { type Database, lockOf, type Query } from "./database.ts";
import { outputOf, type StoredOutput } from "./stage1-rows.ts";

/** How many inputs are read, or written, at once; each may have two texts of a mebibyte. */
const PAGE = 64;

const SAME = `recorded_inputs.space = $1 and recorded_inputs.thread_id = asked.thread_id
  and recorded_inputs.source_updated_at = asked.source_updated_at and recorded_inputs.raw_memory = asked.raw_memory
  and recorded_inputs.rollout_summary = asked.rollout_summary and recorded_inputs.generated_at = asked.generated_at
  and recorded_inputs.rollout_slug is not distinct from asked.rollout_slug
  and recorded_inputs.rollout_path = asked.rollout_path and recorded_inputs.cwd = asked.cwd
  and recorded_inputs.git_branch is not distinct from asked.git_branch`;

const ASKED = `asked as (select * from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[],
  $9::text[], $10::text[], $11::text[]) with ordinality as asked (thread_id, source_updated_at, raw_memory,
  rollout_summary, generated_at, rollout_slug, rollout_path, cwd, git_branch, place))`;

/**
 * What a run consolidates, kept for its replays. A version of an input is one row however many runs name it; the run
 * keeps the list of ids. Thousands of long texts are written a page at a time: a page means nothing until the list names it.
 */
export function recordedInputsOf(db: Database): Pick<MemoryStore, "recordInputs" | "inputsOf"> {
  const isRecorded = async (query: Query, run: string): Promise<boolean> =>
    (await query("select 1 from slowwave.run_input_lists where run = $1", [run])).rows.length > 0;

  return {
    recordInputs: async (run, outputs) => {
      if (outputs.length === 0 || (await isRecorded(db.query, run))) return;
      // A plain actor's run has no row; what it recorded belongs to no space.
      const of = await db.query<{ space: string }>("select space from slowwave.runs where id = $1", [run]);
      const space = of.rows[0]?.space ?? "";
      await db.transaction(
        async (query) => {
          if (await isRecorded(query, run)) return;
          const inputs: number[] = [];
          for (let from = 0; from < outputs.length; from += PAGE) {
            inputs.push(...(await recordPage(query, { run, space }, outputs.slice(from, from + PAGE))));
          }
          await query(
            "insert into slowwave.run_input_lists (run, space, inputs) values ($1, $2, $3::bigint[])",
            [run, space, inputs],
          );
        },
        { locks: [lockOf(db.schema, `inputs ${space}`)] },
      );
    },
    inputsOf: async (run) => {
      const outputs: Stage1Output[] = [];
      for (let after = 0; ; ) {
        const { rows } = await db.query<StoredOutput & { position: number }>(
          `select position, thread_id as "threadId", source_updated_at as "sourceUpdatedAt", raw.bytes as "rawMemory",
             summary.bytes as "rolloutSummary", generated_at as "generatedAt", rollout_slug as "rolloutSlug",
             rollout_path as "rolloutPath", cwd, git_branch as "gitBranch"
           from slowwave.run_input_lists list, unnest(list.inputs) with ordinality as named (input, position)
           join slowwave.recorded_inputs on recorded_inputs.id = named.input
           join slowwave.blobs raw on raw.hash = recorded_inputs.raw_memory
           join slowwave.blobs summary on summary.hash = recorded_inputs.rollout_summary
           where list.run = $1 and position > $2 order by position limit $3`,
          [run, after, PAGE],
        );
        for (const { position, ...row } of rows) {
          outputs.push(outputOf(row));
          after = position;
        }
        if (rows.length < PAGE) return outputs;
      }
    },
  };
}

/** The ids of these versions, in their order. */
async function recordPage(
  query: Query,
  { run, space }: { readonly run: string; readonly space: string },
  outputs: readonly Stage1Output[],
): Promise<readonly number[]> {
  const texts = new Map<string, Uint8Array>();
  const hashed = outputs.map(({ rawMemory, rolloutSummary }) => {
    const [raw, summary] = [hashOfText(rawMemory), hashOfText(rolloutSummary)];
    texts.set(raw, Buffer.from(rawMemory)).set(summary, Buffer.from(rolloutSummary));
    return { raw, summary };
  });
  await putBlobs(query, texts);
  const column = <Value>(of: (output: Stage1Output) => Value) => outputs.map(of);
  const asked = [
    space,
    run,
    column(({ threadId }) => threadId),
    column(({ sourceUpdatedAt }) => sourceUpdatedAt),
    hashed.map(({ raw }) => raw),
    hashed.map(({ summary }) => summary),
    column(({ generatedAt }) => generatedAt),
    column(({ rolloutSlug }) => rolloutSlug),
    column(({ rolloutPath }) => rolloutPath),
    column(({ cwd }) => cwd),
    column(({ gitBranch }) => gitBranch),
  ];
  await query(
    `with ${ASKED} update slowwave.recorded_inputs set last_run = greatest(last_run, $2) from asked where ${SAME}`,
    asked,
  );
  await query(
    `with ${ASKED} insert into slowwave.recorded_inputs (space, thread_id, source_updated_at, raw_memory,
       rollout_summary, generated_at, rollout_slug, rollout_path, cwd, git_branch, last_run)
     select distinct $1, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at, rollout_slug,
       rollout_path, cwd, git_branch, $2 from asked
     where not exists (select 1 from slowwave.recorded_inputs where ${SAME})`,
    asked,
  );
  const { rows } = await query<{ id: number }>(
    `with ${ASKED} select min(recorded_inputs.id) as id from asked join slowwave.recorded_inputs on ${SAME}
       and $2::text is not null group by place order by place`,
    asked,
  );
  return rows.map(({ id }) => id);
}
