import { Observable, Subject } from "rxjs";
import { type AgentEvent, type AgentUsage, isFinal } from "../domain/agent.ts";
import { plainText } from "../text/sanitize.ts";

/** The telling side of a handle's `events$`. */
export interface AgentStream {
  readonly events$: Observable<AgentEvent>;
  /** False when nobody hears it any more: the turn is over, or the stream has ended. */
  emit(event: AgentEvent): boolean;
  /** Opens a further turn after a final event. */
  nextTurn(): void;
  end(): void;
  /** Whether the turn under way is still open. */
  isOpen(): boolean;
}

/** Of what is not a status, only so much is replayed: an agent that talks without end must not fill memory. */
const REPLAYED_CHATTER = 200;

/**
 * Replays every status since the start, and the latest of what was said beside them, to whoever subscribes;
 * keeps the promise that a turn ends once and that nothing follows its end.
 */
export function agentStream(): AgentStream {
  const live = new Subject<AgentEvent>();
  let replayed: AgentEvent[] = [];
  let chatter = 0;
  let open = true;
  let ended = false;

  function keep(event: AgentEvent): void {
    replayed.push(event);
    if (isStatus(event)) return;
    chatter += 1;
    // Twice as many before the older half goes, so that dropping costs nothing per event.
    if (chatter < REPLAYED_CHATTER * 2) return;
    let excess = chatter - REPLAYED_CHATTER;
    replayed = replayed.filter((old) => isStatus(old) || excess-- <= 0);
    chatter = REPLAYED_CHATTER;
  }

  return {
    events$: new Observable((subscriber) => {
      for (const event of replayed) subscriber.next(event);
      if (ended) subscriber.complete();
      else return live.subscribe(subscriber);
    }),
    emit(event) {
      if (ended || !open) return false;
      open = !isFinal(event);
      keep(event);
      live.next(event);
      return true;
    },
    nextTurn() {
      if (!ended) open = true;
    },
    end() {
      open = false;
      ended = true;
      live.complete();
    },
    isOpen: () => open,
  };
}

function isStatus(event: AgentEvent): boolean {
  return isFinal(event) || event.type === "agent.starting" || event.type === "agent.running";
}

/** The statuses of one turn after another, whatever protocol the agent speaks: each is emitted once. */
export interface TurnProgress {
  /** Opens a further turn. */
  begin(): void;
  /** Emits that the agent is at work; false when that was emitted before in this turn. */
  start(): boolean;
  readonly isRunning: boolean;
  /** From now on the end of the turn is an interruption. */
  interrupt(): void;
  readonly isInterrupted: boolean;
  /** Agents report the same use again and again; a repetition is left out. */
  report(usage: AgentUsage): void;
  /** Emits how the turn ended: interrupted, with this error, or well and with this closing message. */
  end(error: string | null, message: string | null): void;
}

export function turnProgress(stream: AgentStream): TurnProgress {
  let isRunning = false;
  let isInterrupted = false;
  let reported = "";
  return {
    begin() {
      isRunning = false;
      isInterrupted = false;
      stream.nextTurn();
    },
    start() {
      if (isRunning) return false;
      isRunning = true;
      stream.emit({ type: "agent.running" });
      return true;
    },
    get isRunning() {
      return isRunning;
    },
    interrupt() {
      isInterrupted = true;
    },
    get isInterrupted() {
      return isInterrupted;
    },
    report(usage) {
      const text = JSON.stringify(usage);
      if (text !== reported) stream.emit({ type: "agent.usage", usage });
      reported = text;
    },
    end(error, message) {
      if (isInterrupted) stream.emit({ type: "agent.interrupted" });
      else if (error === null) stream.emit({ type: "agent.completed", message });
      else stream.emit({ type: "agent.errored", message: plainText(error, 500).replace(/\s+/g, " ").trim() });
    },
  };
}
