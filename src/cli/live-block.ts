import type { Terminal } from "./world.ts";

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
