import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { DiffAnswer, GenerationsAnswer } from "../../../src/server/api.ts";
import { Rows } from "../list/rows.tsx";
import { moment } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { type DiffRow, fileDiff } from "./hunks.ts";

const ROW = 20;

interface Pair {
  readonly from: string | null;
  readonly to: string;
}

/** What the run made of the memory: files before and after, and any two generations beside each other. */
export function ArtifactsPanel({ view }: { view: View }) {
  const { session } = view;
  const { detail } = session.state.value;
  const pair = useSignal<Pair | null>(null);
  const diff = useSignal<DiffAnswer | null>(null);
  const generations = useSignal<GenerationsAnswer["generations"]>([]);
  const path = useSignal<string | null>(null);
  const wrong = useSignal<string | null>(null);
  const { generation, base } = publishedBy(detail);
  const space = detail?.run.space ?? null;

  useEffect(() => {
    pair.value = generation === null || generation === base ? null : { from: base, to: generation };
    if (space === null || session.file.value !== null) return;
    session.api.generations(space).then((answer) => {
      generations.value = answer.generations;
    }, session.failed);
  }, [detail?.run.id, generation]);
  useEffect(() => {
    diff.value = null;
    wrong.value = null;
    const asked = pair.value;
    if (asked === null) return;
    session.diff(asked.from, asked.to).then(
      (answer) => {
        if (pair.value !== asked) return;
        diff.value = answer;
        path.value =
          (answer.files.find((file) => file.path === "MEMORY.md") ?? answer.files[0])?.path ?? null;
      },
      (error: unknown) => {
        wrong.value = error instanceof Error ? error.message : String(error);
      },
    );
  }, [pair.value]);

  const file = diff.value?.files.find((each) => each.path === path.value) ?? null;
  return (
    <div class="artifacts">
      <div class="files">
        {generations.value.length > 0 && (
          <Generations all={generations.value} pair={pair} nowMs={view.nowMs.value} />
        )}
        {pair.value === null && (
          <p class="empty">
            {detail?.run.state === "active"
              ? "Nothing is published yet; readers see the memory as it was."
              : "This run published nothing; the memory is as it was."}
          </p>
        )}
        {wrong.value !== null && (
          <p class="empty bad">
            <Line text={wrong.value} />
          </p>
        )}
        {diff.value?.files.length === 0 && <p class="empty">No file differs.</p>}
        <ul>
          {diff.value?.files.map(({ path: name, change }) => (
            <li key={name}>
              <button
                type="button"
                class={`file ${change}`}
                aria-pressed={name === path.value}
                onClick={() => {
                  path.value = name;
                }}
              >
                <i aria-hidden="true">{SIGNS[change]}</i>
                <Line text={name} limit={160} />
                <span class="hidden">{change}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
      <div class="diff">{file !== null && <FileView key={file.path} file={file} />}</div>
    </div>
  );
}

const SIGNS = { added: "+", modified: "±", deleted: "−" } as const;

function Generations(props: {
  all: GenerationsAnswer["generations"];
  pair: { value: Pair | null };
  nowMs: number;
}) {
  const { all, pair, nowMs } = props;
  const choose = (from: string | null, to: string) => {
    pair.value = to === "" ? null : { from, to };
  };
  const options = all.map(({ id, kind, createdAtMs, current }) => (
    <option key={id} value={id}>
      {moment(createdAtMs, nowMs)} {visibleLine(kind)}
      {current ? " (current)" : ""}
    </option>
  ));
  return (
    <div class="generations">
      <label>
        before
        <select
          value={pair.value?.from ?? ""}
          onChange={(event) => choose(event.currentTarget.value || null, pair.value?.to ?? all[0]?.id ?? "")}
        >
          <option value="">nothing</option>
          {options}
        </select>
      </label>
      <label>
        after
        <select
          value={pair.value?.to ?? ""}
          onChange={(event) => {
            const to = event.currentTarget.value;
            choose(pair.value?.from ?? all.find(({ id }) => id === to)?.parent ?? null, to);
          }}
        >
          <option value="">–</option>
          {options}
        </select>
      </label>
    </div>
  );
}

function FileView({ file }: { file: DiffAnswer["files"][number] }) {
  const { before, after, path, change } = file;
  const isHidden = (before === null && change !== "added") || (after === null && change !== "deleted");
  const { rows, added, deleted, isWhole } = useMemo(() => fileDiff(before, after), [before, after]);
  const chosen = useSignal(-1);
  return (
    <>
      <header>
        <h3>
          <Line text={path} limit={160} />
        </h3>
        <span class="hint">
          +{added} −{deleted}
          {isWhole && " · too different to compare line by line"}
        </span>
      </header>
      {isHidden ? (
        <p class="empty">Not text, or longer than the page shows; `slowwave diff` shows it.</p>
      ) : (
        <Rows
          id="line"
          label={visibleLine(`Changes of ${path}`)}
          class="lines"
          count={rows.length}
          rowHeight={ROW}
          chosen={chosen.value}
          keyOf={(row) => row}
          classOf={(row) => rows[row]?.kind ?? ""}
          choose={(row) => {
            chosen.value = row;
          }}
          render={(row) => <DiffLine row={rows[row]} />}
        />
      )}
    </>
  );
}

function DiffLine({ row }: { row: DiffRow | undefined }) {
  if (row === undefined) return null;
  if (row.kind === "gap") return <em>{row.text}</em>;
  return (
    <>
      <small>{row.before ?? ""}</small>
      <small>{row.after ?? ""}</small>
      <i>{row.kind === "added" ? "+" : row.kind === "deleted" ? "−" : " "}</i>
      <Line text={row.text} limit={1_000} />
    </>
  );
}

function publishedBy(detail: View["session"]["state"]["value"]["detail"]): {
  generation: string | null;
  base: string | null;
} {
  const { context } = (detail?.snapshot ?? {}) as {
    context?: { generation?: string | null; base?: string | null };
  };
  return { generation: context?.generation ?? null, base: context?.base ?? null };
}
