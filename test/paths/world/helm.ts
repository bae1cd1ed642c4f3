import { expect } from "vitest";
import type { CommitRequest } from "../../../src/domain/run.ts";
import { turns } from "./prepare.ts";
import { type Process, type Sabotage, startProcess } from "./process.ts";
import { RUN, type World } from "./world.ts";

/** Steers the one process that lives: lets its engine go on, holds it, kills it, and sets another in its place. */
export class Helm {
  /** A spawned agent's handle is in this process. */
  holdsAgent = false;
  hasCrashed = false;
  readonly #world: World;
  readonly #options: { readonly asksForOwnership: () => boolean; readonly sabotage?: Sabotage };
  #process: Process | null = null;
  /** The last commit is written, and the engine does not know yet. */
  #isHeld = false;
  #isBraked = false;
  #isFresh = false;
  /** How often the actors had reached for the world when the last commit was asked for; null: they may go on. */
  #reached: number | null = null;

  constructor(
    world: World,
    options: { readonly asksForOwnership: () => boolean; readonly sabotage?: Sabotage },
  ) {
    this.#world = world;
    this.#options = options;
  }

  get process(): Process {
    if (this.#process === null) throw new Error("no process lives");
    return this.#process;
  }

  /** The process was begun for a run that it has yet to take over. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  get isBraked(): boolean {
    return this.#isBraked;
  }

  async begin(brakes = false): Promise<void> {
    this.#process = await startProcess(this.#world, { ...this.#options, brakes });
    this.#isHeld = false;
    this.#isBraked = false;
    this.#reached = null;
    this.holdsAgent = false;
  }

  /**
   * Lets the engine know of its last commit, or take over what a dead process left: the actors begin, or wait at
   * their first reach for the world. Answers whether it was a takeover.
   */
  async launch(braked: boolean): Promise<"told" | "taken over"> {
    if (this.#isFresh) {
      await this.#takeOver(braked);
      return "taken over";
    }
    const { gate, brake } = this.process;
    if (braked) brake.on();
    else brake.off();
    this.#isBraked = braked;
    // No effect begins before the state that asked for it is committed and the commit has returned.
    if (this.#reached !== null) expect(this.process.reached()).toBe(this.#reached);
    this.#reached = null;
    // After a word that changed nothing there is no commit to tell of.
    if (this.#isHeld) gate.release();
    this.#isHeld = false;
    return "told";
  }

  async #takeOver(braked: boolean): Promise<void> {
    this.#isFresh = false;
    const adopted = await this.process.engine.recover();
    expect(adopted.map((run) => ({ id: run.id, adopted: run.adopted }))).toEqual([
      { id: RUN, adopted: true },
    ]);
    // The first heartbeat is not to meet what the world does next.
    await turns(this.#world);
    this.#isBraked = braked;
    if (!braked) this.process.brake.off();
  }

  release(): void {
    this.#isBraked = false;
    this.process.brake.off();
  }

  /** The engine's next commit. `isOver`: the actor that led to it has answered, and has no more to do. */
  async asked(isOver: boolean): Promise<CommitRequest> {
    const request = await this.process.gate.asked();
    this.#reached = isOver ? this.process.reached() : null;
    return request;
  }

  async write(): Promise<void> {
    expect(await this.process.gate.write()).toBe("ok");
    this.#isHeld = true;
  }

  async die(): Promise<void> {
    await this.process.kill();
    this.#world.faults.mend();
    this.#world.agents.makeMortal();
    await this.begin(true);
    this.#isFresh = true;
    this.hasCrashed = true;
  }

  async leave(): Promise<void> {
    await this.#process?.kill();
  }
}
