import type { ActorRow, CommitRequest, Intent, RunMessage } from "../domain/run.ts";
import type { ActorSystem } from "./actor-system.ts";
import type { PlainEvent } from "./plain-event.ts";
import { rootText } from "./stored-actors.ts";

/** What the store is asked to commit for one step. One shape for all of them, which V8 reads faster than literals. */
export class StepCommit {
  readonly run: string;
  readonly fence: number;
  readonly sequence: number;
  readonly atMs: number;
  readonly event: string;
  readonly eventType: string;
  readonly value: string;
  readonly state: CommitRequest["state"];
  readonly intents: readonly Intent[];
  readonly actor: string | undefined;
  readonly patch: string | undefined;
  messages: readonly RunMessage[] | undefined = undefined;
  actors: readonly ActorRow[] | undefined = undefined;
  removed: readonly string[] | undefined = undefined;
  signals: readonly number[] | undefined = undefined;
  readonly #system: ActorSystem;
  #snapshot: string | null = null;

  /** Throws `not_json` where the whole state is to be written and cannot be. */
  constructor(
    system: ActorSystem,
    step: Pick<StepCommit, "fence" | "sequence" | "atMs" | "value" | "state" | "actor" | "patch"> & {
      readonly plain: PlainEvent;
    },
  ) {
    const { fence, sequence, atMs, plain, value, state, actor, patch } = step;
    this.run = system.run;
    this.fence = fence;
    this.sequence = sequence;
    this.atMs = atMs;
    this.event = plain.text;
    this.eventType = plain.event.type;
    this.value = value;
    this.state = state;
    this.intents = system.root.intents;
    this.actor = actor;
    this.patch = patch;
    this.#system = system;
    if (patch === undefined) this.#snapshot = rootText(system);
  }

  /** Where there is a patch, only stores that keep none ask for it, before the run goes on. */
  get snapshot(): string {
    this.#snapshot ??= rootText(this.#system);
    return this.#snapshot;
  }
}
