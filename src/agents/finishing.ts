import type { AgentHandle } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import type { RunHold } from "../domain/phase2.ts";
import {
  type AgentMeter,
  type BudgetName,
  type BudgetUse,
  budgetsOf,
  isNear,
  isOver,
  nearLimit,
  pastLimit,
  type RunLimits,
  SOFT_PART,
  type Used,
} from "../domain/usage.ts";

export interface FinishingDeps {
  readonly hold: Pick<RunHold, "note">;
  readonly clock: Clock;
  readonly limits: RunLimits;
  readonly deadlineAtMs?: number | null;
}

/** The soft limits of one agent: it is asked to finish, once for each budget, before it is ended. */
export interface Finishing {
  /** For one turn. `look` after each event; time is looked at by itself. */
  watch(meter: AgentMeter): { look(): void; stop(): void };
  /** What it could not be told in the middle of a turn, to go with the next prompt; once. */
  unsaid(): string | null;
}

export function finishing(handle: AgentHandle, deps: FinishingDeps): Finishing {
  const { clock, hold, limits, deadlineAtMs = null } = deps;
  const told = new Set<BudgetName>();
  let unsaid: string | null = null;

  function minutes(): number {
    if (deadlineAtMs === null || limits.maxRunMinutes === null) return 0;
    return limits.maxRunMinutes - (deadlineAtMs - clock.nowMs()) / 60_000;
  }

  function look(meter: AgentMeter): void {
    const near = nearlyUsed(meter.used(), limits, minutes()).filter(({ name }) => !told.has(name));
    if (near.length === 0) return;
    for (const { name } of near) told.add(name);
    const text = finishRequest(near);
    const note = (asked: boolean) => {
      if (!asked) unsaid = text;
      for (const budget of near) {
        const what = asked
          ? "the agent is asked to finish"
          : "the agent can't be asked to finish in its turn";
        hold.note("budget.near", { budget, asked, text: `${nearLimit(budget)}; ${what}` });
      }
    };
    if (handle.steer === undefined) note(false);
    else {
      meter.asked(text);
      handle.steer(text).then(
        () => note(true),
        () => note(false),
      );
    }
  }

  return {
    watch(meter) {
      const minutesLeft = (limits.maxRunMinutes ?? 0) * SOFT_PART - minutes();
      const hasTime = deadlineAtMs !== null && limits.maxRunMinutes !== null && minutesLeft > 0;
      let timer = hasTime ? clock.setTimeout(() => look(meter), Math.ceil(minutesLeft * 60_000)) : null;
      return {
        look: () => look(meter),
        stop() {
          if (timer !== null) clock.clearTimeout(timer);
          timer = null;
        },
      };
    },
    unsaid() {
      const text = unsaid;
      unsaid = null;
      return text;
    },
  };
}

const NO_TIME = { minutes: 0, silence: 0 };

/** Which limit this use is past, as a sentence with the numbers and the setting; null while all is well. */
export function exceeded(used: Used, limits: Partial<RunLimits>): string | null {
  const past = budgetsOf(used, limits, NO_TIME).find(isOver);
  return past === undefined ? null : pastLimit(past);
}

/** Budgets that are nearly used up. `minutes`: since the run began. */
export function nearlyUsed(used: Used, limits: Partial<RunLimits>, minutes: number): readonly BudgetUse[] {
  return budgetsOf(used, limits, { minutes, silence: 0 }).filter(isNear);
}

/** What the agent is asked when little of these budgets is left. */
export function finishRequest(uses: readonly BudgetUse[]): string {
  return `Little of this run's budget is left: ${uses.map(nearLimit).join("; ")}. Begin nothing new. Bring MEMORY.md and memory_summary.md to a good end now, check them, and finish: past the limit this work is thrown away.`;
}
