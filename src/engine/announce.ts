import type { RunEvent, RunEventMap } from "../domain/event.ts";
import { progressOf, RUNNING_TEXT } from "../domain/status.ts";
import type { Committed } from "../durable/options.ts";
import { dotted } from "../durable/transition.ts";
import type { Phase2Context } from "../machines/context.ts";

type Said = { [Type in keyof RunEventMap]: { readonly type: Type } & RunEventMap[Type] }[keyof RunEventMap];

/**
 * What a commit means to observers: states, the original's progress texts, and what the metrics count. A pure
 * table over (state before, state after), so nothing has to be called from the machine's actions, and a
 * status is only ever told after the write it describes.
 */
export function announcements(step: Committed): readonly RunEvent[] {
  const { run, space, atMs, sequence, value, event } = step;
  const before = step.before === null ? null : (step.before.context as Phase2Context);
  const context = step.snapshot.context as Phase2Context;
  const was = step.before === null ? null : stateOf(step.before.value);
  const is = stateOf(step.snapshot.value);
  const said: Said[] = [];
  // A restarted agent enters the same state again, but so does every self-loop: only real changes are told.
  if (step.before === null || dotted(step.before.value) !== value) {
    said.push({ type: "state.entered", state: value, sequence, event: event.type });
  }
  if (context.claimedWatermark !== null && before?.claimedWatermark === null) {
    said.push({ type: "status.counted", status: "claimed" });
  }
  if (was === "spawning" && is === "supervising") {
    said.push({ type: "status.counted", status: "agent_spawned" });
    if ((context.inputs ?? 0) > 0) said.push({ type: "inputs.counted", inputs: context.inputs ?? 0 });
    said.push({ type: "progress", text: RUNNING_TEXT });
  }
  if (step.state !== "active" && context.status !== null) {
    said.push({ type: "status.counted", status: context.status });
    said.push({ type: "progress", text: progressOf(context.status) });
  }
  return said.map((what) => ({ ...what, run, space, atMs }) as RunEvent);
}

function stateOf(value: unknown): string {
  return typeof value === "string" ? value : (Object.keys(value as object)[0] ?? "");
}
