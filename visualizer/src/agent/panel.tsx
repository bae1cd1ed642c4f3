import { useSignal } from "@preact/signals";
import type { BudgetMeter, EventView } from "../../../src/server/api.ts";
import { Rows } from "../list/rows.tsx";
import { indexOf } from "../state/log.ts";
import { Line } from "../text/shown.tsx";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";

const ROW = 24;

/** The agent: how it fares, what it says, and how much of each limit is used. */
export function AgentPanel({ view }: { view: View }) {
  const { session, row, seen } = view;
  const { detail, at } = session.state.value;
  const chosen = useSignal(-1);
  const all = view.words.value;
  const words = at === null || row.value === null ? all : all.slice(0, indexOf(all, row.value.id) + 1);
  const { config, agent, agentStatus } = contextOf(view);
  const statuses = statusesOf(seen.value);
  return (
    <div class="agent">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section class="facts" tabIndex={0} aria-label="The agent and its budget">
        <h3>
          <Line text={config?.agent ?? "No agent yet"} limit={60} />
        </h3>
        {statuses.length > 0 && (
          <ol class="statuses" aria-label="Status of the agent">
            {statuses.map((status, index) => (
              <li key={index} class={index === statuses.length - 1 ? "now" : ""}>
                <Line text={status} limit={40} />
              </li>
            ))}
          </ol>
        )}
        <dl class="pairs">
          <Pair name="status" value={agentStatus} />
          <Pair name="thread" value={agent?.threadId} />
          <Pair name="sandbox" value={agent?.sandbox} />
          <Pair name="model" value={config?.model} />
          <Pair name="network" value={config?.network} />
        </dl>
        <h3>Budget</h3>
        {detail?.budget.map((meter) => (
          <Meter key={meter.name} meter={meter} view={view} />
        ))}
        {detail !== null && detail.budget.length === 0 && <p class="empty">No limits are known.</p>}
      </section>
      <div class="tail">
        <h3>
          What it says <span class="hint">{words.length.toLocaleString("en")}</span>
        </h3>
        {words.length === 0 ? (
          <p class="empty">No message yet.</p>
        ) : (
          <Rows
            id="word"
            label="What the agent says"
            class="words"
            count={words.length}
            rowHeight={ROW}
            chosen={at === null ? chosen.value : -1}
            follows
            keyOf={(index) => words[index]?.id ?? index}
            classOf={(index) => words[index]?.type.replace(".", "-") ?? ""}
            choose={(index) => {
              chosen.value = index;
              const word = words[index];
              if (word !== undefined) session.lookAt(word.id);
            }}
            render={(index) => {
              const word = words[index];
              return word === undefined ? null : (
                <>
                  <small>{visibleLine(word.type.slice("agent.".length, 30))}</small>
                  <Line text={textOf(word)} limit={400} />
                </>
              );
            }}
          />
        )}
      </div>
    </div>
  );
}

function textOf({ data }: EventView): string {
  const fields = (data ?? {}) as { text?: unknown; name?: unknown; why?: unknown };
  if (typeof fields.text === "string")
    return typeof fields.name === "string" ? `${fields.name} · ${fields.text}` : fields.text;
  return typeof fields.why === "string" ? fields.why : "";
}

interface Remembered {
  readonly config?: {
    readonly agent?: string;
    readonly model?: string | null;
    readonly network?: string;
  } | null;
  readonly agent?: { readonly threadId?: string | null; readonly sandbox?: string } | null;
  readonly agentStatus?: string | null;
}

/** As the machine remembers it at the moment that is looked at; as it is now until that is read. */
function contextOf({ seen, session }: View): Remembered {
  const { snapshots, detail, at } = session.state.value;
  const past = at === null ? undefined : snapshots[seen.value.at(-1)?.sequence ?? -1]?.snapshot;
  return ((past ?? detail?.snapshot) as { context?: Remembered } | undefined)?.context ?? {};
}

function statusesOf(steps: View["seen"]["value"]): readonly string[] {
  return steps.flatMap(({ type, value }, index) => {
    if (type.startsWith("agent.")) return [type.slice("agent.".length)];
    const isSpawned = value === "supervising" && steps[index - 1]?.value === "spawning";
    return isSpawned
      ? ["pending"]
      : value === "supervising" && steps[index - 1]?.value === "verifying"
        ? ["repair"]
        : [];
  });
}

function Pair({ name, value }: { name: string; value: string | null | undefined }) {
  if (value === null || value === undefined) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Line text={value} limit={120} />
      </dd>
    </div>
  );
}

function Meter({ meter, view }: { meter: BudgetMeter; view: View }) {
  const { readAtMs } = view.session.state.value;
  const isTime = meter.name === "minutes" && !view.isOver.value;
  const used = meter.used + (isTime ? Math.max(0, view.nowMs.value - readAtMs) / 60_000 : 0);
  const part = meter.limit === null || meter.limit === 0 ? null : Math.min(1, used / meter.limit);
  const text = visibleLine(
    `${meter.estimated ? "≈ " : ""}${amount(used, meter)}${meter.limit === null ? "" : ` of ${amount(meter.limit, meter)}`} ${meter.unit}`,
  );
  return (
    <div class={`meter${part === null ? " unlimited" : part >= 1 ? " full" : part > 0.8 ? " high" : ""}`}>
      <span>
        <Line text={NAMES[meter.name] ?? meter.name} limit={20} />
      </span>
      <span class="hint">{part === null ? `${text}, no limit` : text}</span>
      {part !== null && (
        // biome-ignore lint/a11y/useSemanticElements: a meter element cannot be coloured by how full it is
        <div
          class="track"
          role="meter"
          aria-label={visibleLine(NAMES[meter.name] ?? meter.name)}
          aria-valuenow={Math.round(part * 100)}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuetext={text}
        >
          <i style={{ width: `${part * 100}%` }} />
        </div>
      )}
    </div>
  );
}

const NAMES: Partial<Readonly<Record<BudgetMeter["name"], string>>> = {
  toolCalls: "tool calls",
  outputBytes: "output",
  runsPerDay: "runs in 24 h",
  tokensPerDay: "tokens in 24 h",
  costPerDay: "cost in 24 h",
};

function amount(value: number, { name }: BudgetMeter): string {
  if (name === "cost" || name === "costPerDay") return value.toFixed(2);
  if (name === "minutes" || name === "silence")
    return value >= 10 ? String(Math.round(value)) : value.toFixed(1);
  return value.toLocaleString("en");
}
