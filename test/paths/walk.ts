import { expect } from "vitest";
import type { JobRow } from "../../src/domain/job.ts";
import { transitionsOf } from "../../src/durable/transition.ts";
import type { Phase2Context } from "../../src/machines/context.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { DRY_CLAIM } from "./executable.ts";
import { type Edge, type Graph, keyOf, type Path, type Vertex } from "./graph.ts";
import { follow } from "./route.ts";
import { type Databases, onSqlite } from "./world/databases.ts";
import {
  CLEARED,
  type Expected,
  expectedAfter,
  expectedAtStart,
  expectedTakenOver,
  foundIn,
  STAGED,
  withLease,
} from "./world/expected.ts";
import { Helm } from "./world/helm.ts";
import { CHANGES_ROW, GONE, PREPARE, quiet, SAY, turns } from "./world/prepare.ts";
import type { Process, Sabotage } from "./world/process.ts";
import { treeOf } from "./world/tree.ts";
import { openWorld, RUN, SPACE, type World } from "./world/world.ts";

/** `after`: when the step is committed. `lost`: when its effect is done, and its commit is not. */
export interface Crash {
  readonly at: number;
  readonly when: "after" | "lost";
}

export interface Walked {
  /** What really happened: longer than the path when a crash made the run begin its work again. */
  readonly path: Path;
  readonly end: string;
  readonly generations: number;
  readonly mostAgents: number;
}

/**
 * Walks one path on the real engine in a world of its own, and looks at the whole world after every step. Throws
 * with the step at which something was not as it must be.
 */
export async function walk(walked: {
  readonly graph: Graph;
  readonly path: Path;
  readonly template: string;
  /** Where the world has its database; a file of its home by default. */
  readonly databases?: Databases;
  /** In the order of their steps. */
  readonly crashes?: readonly Crash[];
  /** What every process's store is made into; for mutations. */
  readonly sabotage?: Sabotage;
}): Promise<Walked> {
  const { template, databases = onSqlite } = walked;
  const world = await openWorld({ template, databases });
  const walker = new Walker(world, walked.graph, walked.crashes ?? [], walked.sabotage);
  try {
    return await walker.walk(walked.path);
  } catch (error) {
    const done = walker.done.map(({ name }) => name).join(" → ");
    throw new Error(`after [${done}], on the way to [${walker.next}]: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await walker.leave();
    world.remove();
  }
}

const { transition } = transitionsOf(phase2Machine);

class Walker {
  readonly done: Edge[] = [];
  next = "";
  readonly #world: World;
  readonly #graph: Graph;
  readonly #helm: Helm;
  #crashes: readonly Crash[];
  #at: Vertex;
  #context = {} as Phase2Context;
  #expected: Expected;
  #claims = 1;
  #isSettled = false;
  #isDryRun = false;

  constructor(world: World, graph: Graph, crashes: readonly Crash[], sabotage: Sabotage | undefined) {
    this.#world = world;
    this.#graph = graph;
    this.#crashes = crashes;
    const asksForOwnership = () => this.#at.value === "publishing.confirming";
    this.#helm = new Helm(world, { asksForOwnership, ...(sabotage === undefined ? {} : { sabotage }) });
    this.#at = vertexOf(graph, graph.start);
    this.#expected = expectedAtStart(world);
  }

  async walk(path: Path): Promise<Walked> {
    this.#isDryRun = path.some(({ name }) => name === DRY_CLAIM);
    await this.#begin();
    let plan = [...path];
    for (let edge = plan.shift(); edge !== undefined; edge = plan.shift()) {
      const detour = await this.#detour(edge, plan);
      if (detour !== null) {
        [edge, ...plan] = detour as [Edge, ...Edge[]];
      }
      this.next = edge.name;
      const again = await this.#step(edge, plan);
      if (again !== null) plan = [...again];
    }
    return this.#end();
  }

  async leave(): Promise<void> {
    await this.#helm.leave();
  }

  async #ownsRow(): Promise<boolean> {
    return (await this.#world.row())?.ownership_token === this.#context.token;
  }

  get #process(): Process {
    return this.#helm.process;
  }

  async #begin(): Promise<void> {
    await this.#helm.begin();
    const started = this.#process.engine.start({ space: SPACE, dryRun: this.#isDryRun });
    started.catch(() => {});
    const request = await this.#helm.asked(true);
    this.#expected = { ...this.#expected, row: await this.#world.row() };
    await this.#write(request.snapshot);
  }

  /**
   * A run whose agent died with its process has to begin its work again, whatever the path had in mind; one that
   * finds its job in other hands hears of it before anything else.
   */
  async #detour(edge: Edge, plan: readonly Edge[]): Promise<Path | null> {
    const losing = this.#at.edges.find(({ name, to }) => name === "lease.lost" && to !== this.#at.key);
    if (this.#helm.isFresh && losing !== undefined && !(await this.#ownsRow()))
      return follow(this.#graph, this.#at.key, ["lease.lost"]);
    if (this.#at.value !== "supervising" || this.#helm.holdsAgent || edge.name === GONE) return null;
    const names = [...this.#turnsSoFar(), edge, ...plan].map(({ name }) => name);
    return follow(this.#graph, this.#at.key, [GONE, ...again(this.#graph), "spawnAgent: spawned", ...names]);
  }

  /** What the agent did since it was started: the next one has to do it too. */
  #turnsSoFar(): Path {
    const started = this.done.findLastIndex(({ name }) => name === "spawnAgent: spawned");
    return this.done.slice(started + 1);
  }

  /** Null, or the plan that a crash makes necessary. */
  async #step(edge: Edge, plan: readonly Edge[]): Promise<Path | null> {
    const isWord = edge.name in SAY;
    const to = vertexOf(this.#graph, edge.to);
    if (edge.name === GONE) {
      if (this.#helm.holdsAgent) await this.#helm.die();
      await this.#launch(false);
    } else if (isWord) {
      await this.#say(edge);
    } else {
      // What is to go wrong for the run must not go wrong for its takeover.
      if (this.#helm.isFresh) await this.#launch(true);
      await this.#deed(edge);
      await this.#launch(false);
    }
    if (isSilent(this.#at, edge)) {
      await turns(this.#world);
      this.done.push(edge);
      return null;
    }
    const request = await this.#helm.asked(!isWord);
    this.#checkTold();
    expect({ type: request.eventType, leadsTo: keyOf(JSON.parse(request.snapshot)) }).toEqual({
      type: edge.event.type,
      leadsTo: edge.to,
    });
    // Who leaves a state for a word drops what its actor answers; but the actor has done it all the same.
    if (isWord && this.#helm.isBraked && to.value !== this.#at.value) {
      this.#helm.release();
      await quiet(() => this.#process.reached(), this.#world);
    }
    if (this.#crashesNow("lost", this.done.length)) {
      // The claim is written, so that the next process takes the row over before it claims it again.
      if (edge.name.startsWith("claimJob: claimed")) this.#claims = 2;
      // Lost a second time, it only finds its own trace.
      if (SETTLES.test(edge.name) && !this.#isSettled) {
        this.#expected = { ...this.#expected, row: this.#after(edge).row };
        this.#isSettled = true;
      }
      await this.#helm.die();
      return this.#replan(edge, plan);
    }
    this.#at = to;
    if (edge.name === "spawnAgent: spawned") this.#helm.holdsAgent = true;
    this.#context = (JSON.parse(request.snapshot) as { context: Phase2Context }).context;
    const { row } = this.#expected;
    this.#expected = this.#after(edge);
    // Settling it again only finds its own trace.
    if (this.#isSettled) this.#expected = { ...this.#expected, row };
    await this.#write(request.snapshot);
    this.done.push(edge);
    await this.#checkWorld();
    if (this.#crashesNow("after", this.done.length - 1) && to.edges.length > 0) await this.#helm.die();
    return null;
  }

  /** A crash that was due where nothing could die (a word that changes nothing) comes with the next step. */
  #crashesNow(when: Crash["when"], step: number): boolean {
    const [crash, ...later] = this.#crashes;
    if (crash === undefined || crash.when !== when || crash.at > step) return false;
    this.#crashes = later;
    return true;
  }

  #after({ name, to }: Edge): Expected {
    const step = { name, to: vertexOf(this.#graph, to), context: this.#context, claims: this.#claims };
    return expectedAfter(this.#expected, step, { world: this.#world, process: this.#process });
  }

  /** An agent that was started, or nearly, is not trusted again. */
  #replan(edge: Edge, plan: readonly Edge[]): Path {
    const names = [edge, ...plan].map(({ name }) => name);
    if (this.#at.value !== "spawning") return [edge, ...plan];
    return follow(this.#graph, this.#at.key, ["spawnAgent: stale", ...again(this.#graph), ...names]);
  }

  async #deed({ name }: Edge): Promise<void> {
    await PREPARE[name]?.({ world: this.#world, process: this.#process, context: this.#context });
    await this.#noticeRow(name);
  }

  async #noticeRow(name: string): Promise<void> {
    if (CHANGES_ROW.has(name)) this.#expected = { ...this.#expected, row: await this.#world.row() };
    if (name === "syncSummaries: failed_lost_ownership") {
      this.#expected = { ...this.#expected, root: treeOf(this.#world.root) };
    }
  }

  async #say(edge: Edge): Promise<void> {
    const watches = this.#at.value === "supervising";
    await this.#launch(!watches);
    await turns(this.#world);
    const before = (await this.#world.row()) as JobRow;
    await SAY[edge.name]?.({ world: this.#world, process: this.#process, context: this.#context });
    await turns(this.#world);
    // Where it is too late to hear of a loss the row is given back, or what follows could not be.
    if (!isSilent(this.#at, edge)) await this.#noticeRow(edge.name);
    else if (CHANGES_ROW.has(edge.name)) await this.#world.change(before);
  }

  async #launch(braked: boolean): Promise<void> {
    const how = await this.#helm.launch(braked);
    if (how === "taken over")
      this.#expected = expectedTakenOver(this.#expected, this.#process, this.#context, this.#world);
  }

  async #write(snapshot: string): Promise<void> {
    await this.#helm.write();
    this.#context = (JSON.parse(snapshot) as { context: Phase2Context }).context;
    const record = await this.#process.store.runs.read(RUN);
    expect(record?.snapshot).toBe(snapshot);
    expect(keyOf(JSON.parse(record?.snapshot ?? ""))).toBe(this.#at.key);
    expect(record?.state).toBe(this.#at.edges.length === 0 ? "done" : "active");
  }

  async #checkWorld(): Promise<void> {
    const { root, agentsAlive, isRejected } = this.#expected;
    const found = foundIn(this.#world, this.#at);
    const hasStaging = STAGED.test(this.#at.value) || (CLEARED.test(this.#at.value) ? false : "either");
    const isClosing = this.#at.value.endsWith(".closing");
    const { row, leasedAtMs } = await this.#rowInRest();
    expect({ row, ...found }).toEqual({
      row: withLease(this.#expected, this.#context, leasedAtMs),
      root,
      // While it is being closed it may live or not.
      agentsAlive: isClosing ? found.agentsAlive : agentsAlive,
      isRejected,
      hasStaging,
    });
    expect(this.#world.agents.mostAlive()).toBeLessThanOrEqual(1);
  }

  /** A heartbeat, or an actor that was left behind, may prolong the lease while the row is read. */
  async #rowInRest() {
    for (;;) {
      await turns(this.#world);
      const leasedAtMs = this.#process.leasedAtMs();
      const row = await this.#world.row();
      const isInRest = this.#world.underWay.size === 0 && leasedAtMs === this.#process.leasedAtMs();
      if (isInRest) return { row, leasedAtMs };
    }
  }

  /** What observers heard so far. After a crash nobody can know what the dead process told last. */
  #checkTold(): void {
    if (this.#helm.hasCrashed) return;
    const { engine, told } = this.#process;
    expect(toldIn(told)).toEqual(this.#expected.told);
    expect(engine.runs.getSnapshot().context.runs.get(RUN)?.state).toBe(this.#at.value);
  }

  async #end(): Promise<Walked> {
    const { engine, store } = this.#process;
    await this.#helm.launch(false);
    await turns(this.#world);
    this.#checkTold();
    const result = await engine.result(RUN);
    expect(result?.status).toBe(this.#context.status);
    const { row, leasedAtMs } = await this.#rowInRest();
    expect(row).toEqual(withLease(this.#expected, this.#context, leasedAtMs));
    await engine.close();
    const generations = await store.generations.list(SPACE, 100);
    return {
      path: this.done,
      end: this.#at.key,
      generations: generations.filter(({ run }) => run === RUN).length,
      mostAgents: this.#world.agents.mostAlive(),
    };
  }
}

const SETTLES = /^record(Success|Failure): (applied|already)$/;

/** What comes before an agent is started anew: the first answers, which are the good ones. */
function again({ edges }: Graph): readonly string[] {
  const laid = edges.find(({ name }) => name.startsWith("syncSummaries: "));
  return [laid?.name ?? "", "syncRawMemories: changed"];
}

function vertexOf(graph: Graph, key: string): Vertex {
  const vertex = graph.vertices.get(key);
  if (vertex === undefined) throw new Error(`the graph has no ${key}`);
  return vertex;
}

/** A forbidden transition: heard, and nothing is written. */
function isSilent(from: Vertex, { event }: Edge): boolean {
  return transition(from.snapshot, event) === null;
}

function toldIn(events: Process["told"]): readonly string[] {
  return events.flatMap((event) => {
    if (event.type === "status.counted") return [`counted ${event.status}`];
    if (event.type === "inputs.counted") return [`inputs ${event.inputs}`];
    return event.type === "progress" ? [event.text] : [];
  });
}
