import type { RunEvent } from "../../domain/event.ts";
import { describeState } from "../../domain/status.ts";
import { elapsed } from "./format.ts";
import type { Output } from "./output.ts";
import { cyan, dim, green, type Line, red, yellow } from "./paint.ts";
import { clipped } from "./printable.ts";

/** What a run is doing, shown while it does it. */
export interface Progress {
  onEvent(event: RunEvent): void;
  /** Draws the last picture and stops moving. */
  end(): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;

/** One moving block in a terminal, short lines anywhere else. */
export function showProgress(output: Output, nowMs: () => number): Progress {
  return output.isLive ? liveProgress(output, nowMs) : plainProgress(output);
}

function plainProgress(output: Output): Progress {
  let said: string | null = null;
  return {
    onEvent: (event) => {
      if (event.type === "state.entered") {
        const title = titleOf(event.state);
        if (title !== null && title !== said) output.info(`  ${title}`);
        said = title;
      }
      if (event.type === "budget.near") output.info(["    ", yellow(event.text)]);
      const message = saidBy(event);
      if (message !== null) output.info(["    ", dim(`agent: ${clipped(message, 200)}`)]);
    },
    end: () => {},
  };
}

/** What the agent says or does; its thoughts are for the transcript. */
function saidBy(event: RunEvent): string | null {
  if (event.type === "agent.message") return event.text;
  return event.type === "agent.tool" ? `${event.name} ${event.text}` : null;
}

/** Null for an ending. Steps within one part of the work are one line. */
function titleOf(state: string): string | null {
  return describeState(state)?.title ?? null;
}

interface Step {
  readonly title: string;
  readonly enteredAtMs: number;
  leftAtMs: number | null;
}

function liveProgress(output: Output, nowMs: () => number): Progress {
  const steps: Step[] = [];
  let message: string | null = null;
  let frame = 0;
  let hasFailed = false;
  const draw = () =>
    output.draw(picture({ steps, message, frame, hasFailed, nowMs: nowMs(), columns: output.columns }));
  const timer = setInterval(() => {
    frame = (frame + 1) % FRAMES.length;
    draw();
  }, FRAME_MS);
  timer.unref();
  return {
    onEvent: (event) => {
      if (event.type === "state.entered") {
        const last = steps.at(-1);
        const title = titleOf(event.state);
        if (last !== undefined && last.title !== title) last.leftAtMs ??= event.atMs;
        if (title === titleOf("failing")) hasFailed = true;
        if (title !== null && last?.title !== title)
          steps.push({ title, enteredAtMs: event.atMs, leftAtMs: null });
      } else message = event.type === "budget.near" ? event.text : (saidBy(event) ?? message);
      draw();
    },
    end: () => {
      clearInterval(timer);
      message = null;
      draw();
      output.finishDrawing("keep");
    },
  };
}

function picture(scene: {
  readonly steps: readonly Step[];
  readonly message: string | null;
  readonly frame: number;
  readonly hasFailed: boolean;
  readonly nowMs: number;
  readonly columns: number;
}): readonly Line[] {
  const { steps, message, frame, hasFailed, nowMs, columns } = scene;
  const lines = steps.map(({ title, enteredAtMs, leftAtMs }, at): Line => {
    const isBlamed = hasFailed && steps[at + 1]?.title === titleOf("failing");
    const mark = leftAtMs === null ? cyan(FRAMES[frame] ?? "·") : isBlamed ? red("✖") : green("✔");
    const spent = elapsed(Math.max(0, (leftAtMs ?? nowMs) - enteredAtMs));
    return [mark, ` ${title.padEnd(24)} `, dim(spent)];
  });
  if (message === null) return lines;
  return [...lines, ["  ", dim(clipped(`│ ${message}`, columns - 4))]];
}
