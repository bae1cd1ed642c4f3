import type { Terminal, World } from "../world.ts";
import { type Line, printable, printableJson, rendered } from "./text.ts";

/** The only place that writes. Human text goes to stderr, results to stdout. */
export interface Output {
  /** Whether a block may be redrawn: stderr is a terminal and nothing in the environment objects. */
  readonly isLive: boolean;
  /** Characters a line of stderr may have. */
  readonly columns: number;
  /** A line for the person. */
  info(...lines: readonly Line[]): void;
  /** A line of the result. */
  print(...lines: readonly Line[]): void;
  /** Many lines of memory text as part of the result. */
  printText(text: string): void;
  /** The one document of `--json`. */
  printJson(value: unknown): void;
  /** Redraws the block below what was said. Only when `isLive`. */
  draw(block: readonly Line[]): void;
  /** Leaves the block as it stands, or takes it away, and gives the cursor back. */
  finishDrawing(block: "keep" | "clear"): void;
}

export function createOutput({ stdout, stderr, env }: Pick<World, "stdout" | "stderr" | "env">): Output {
  const isPlain = env.NO_COLOR !== undefined && env.NO_COLOR !== "" ? true : env.TERM === "dumb";
  const isCi = env.CI !== undefined && env.CI !== "" && env.CI !== "false";
  const colorsOf = (terminal: Terminal) => ({ colors: terminal.isTTY === true && !isPlain });
  const block = liveBlock(stderr);
  let isDrawn = false;

  const clear = () => {
    if (isDrawn) block.clear();
  };
  return {
    isLive: stderr.isTTY === true && stderr.columns !== 0 && !isPlain && !isCi,
    columns: Math.max(20, stderr.columns ?? 80),
    info: (...lines) => {
      clear();
      for (const line of lines) stderr.write(`${rendered(line, colorsOf(stderr))}\n`);
    },
    print: (...lines) => {
      clear();
      for (const line of lines) stdout.write(`${rendered(line, colorsOf(stdout))}\n`);
    },
    printText: (text) => {
      clear();
      stdout.write(`${printable(text, { lines: true })}\n`);
    },
    printJson: (value) => {
      clear();
      stdout.write(`${printableJson(value)}\n`);
    },
    draw: (lines) => {
      isDrawn = true;
      block.draw(lines.map((line) => rendered(line, colorsOf(stderr))).join("\n"));
    },
    finishDrawing: (how) => {
      if (!isDrawn) return;
      if (how === "clear") block.clear();
      block.done();
      isDrawn = false;
    },
  };
}

/** Text below everything that was said, redrawn in place. */
export interface LiveBlock {
  draw(text: string): void;
  clear(): void;
  /** Leaves it as it stands and gives the cursor back. */
  done(): void;
}

/** What redraws is loaded with the first drawing: most commands draw nothing, and it is much of their start. */
export function liveBlock(terminal: Terminal): LiveBlock {
  type Redraw = ReturnType<typeof import("log-update").createLogUpdate>;
  let redraw: Redraw | null = null;
  let isAsked = false;
  let waiting: string | null = null;

  const load = async () => {
    const { createLogUpdate } = await import("log-update");
    redraw = createLogUpdate(terminal as NodeJS.WriteStream);
    if (waiting !== null) redraw(waiting);
    waiting = null;
  };
  return {
    draw(text) {
      if (redraw !== null) {
        redraw(text);
        return;
      }
      waiting = text;
      if (!isAsked) void load();
      isAsked = true;
    },
    clear() {
      waiting = null;
      redraw?.clear();
    },
    done() {
      if (waiting !== null) terminal.write(`${waiting}\n`);
      waiting = null;
      redraw?.done();
    },
  };
}
