import { hostname } from "node:os";
import {
  type AdmissionLimits,
  carriedBy,
  DEFAULT_TENANT_RULE,
  type DueTerms,
  tenantRule,
  type WorkerReport,
} from "../domain/admission.ts";
import type { Clock } from "../domain/clock.ts";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import { DEFAULT_SETTINGS } from "../domain/settings.ts";
import { clockOf } from "../durable/system.ts";
import type { Engine, Run, StartRequest } from "../engine/engine-api.ts";
import { createHeart, type Heart } from "./heart.ts";
import { createLooks, isShared, isWoken, type Looks, restMs } from "./looks.ts";
import { measureFleet } from "./metrics.ts";
import { createStarter, type Starter } from "./starter.ts";
import type { Worker, WorkerOptions, WorkerState, WorkerStatus } from "./worker-api.ts";

/** What a dispatcher was left with by others is looked for in every so many looks. */
const FETCH_EVERY = 5;
/** Runs that could not be taken over are tried again after a pause of at most so long. */
const LONGEST_PAUSE_MS = 15_000;
/** How long a dispatcher is given at the end to take in what became of its deliveries. */
const LAST_WORDS_MS = 2_000;
const DEFAULT_DRAIN_MS = 10 * 60_000;
const DEFAULT_CONCURRENCY = 8;
/** In these no agent works yet, so that a run costs nothing when it is cancelled. */
const BEFORE_ITS_AGENT = /^(?:claiming|loading|syncing)(?:\.|$)/;

/**
 * A worker on the store of its engine. It takes over the runs of dead workers and begins what is due, within its own places
 * and the limits of the fleet, until it is stopped or drained.
 *
 * ```ts
 * const store = await openSqliteStore({ path: "/var/lib/memory/slowwave.db" });
 * const engine = createEngine({ store, agent: extractiveAgent(), home: "/var/lib/memory" });
 * const worker = createWorker({ engine, store, concurrency: 8, limits: { tenant: 6, fleet: 400 } });
 * await worker.start();
 * process.once("SIGTERM", async () => {
 *   await worker.drain();
 *   await engine.close();
 *   await store.close();
 * });
 * ```
 */
export function createWorker(options: WorkerOptions): Worker {
  return new FleetWorker(options);
}

class FleetWorker implements Worker {
  readonly #options: WorkerOptions;
  readonly #engine: Engine;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #limits: AdmissionLimits;
  readonly #name: string;
  readonly #heart: Heart;
  readonly #starter: Starter;
  readonly #ending = new AbortController();
  readonly #startedAtMs: number;
  #looks: Looks | null = null;
  #state: WorkerState = "new";
  /** The agents of a worker that is cut off are being ended. */
  #abandoning: Promise<void> = Promise.resolve();
  #takeovers = 0;
  /** As of the last beat: workers with places free, which share the looks. */
  #listeners = 1;
  /** Monotonic: when runs of dead workers are looked for again; and the pause before. */
  #nextTakeoverMs = 0;
  #takeoverPauseMs = 0;
  /** Looks since the dispatcher was asked. */
  #unfetched = FETCH_EVERY;
  /** Monotonic: when the next round may begin; null while one is under way. */
  #nextRoundMs: number | null = 0;
  #roundBeganMs = 0;

  constructor(options: WorkerOptions) {
    checkOptions(options);
    const { engine, store, concurrency = DEFAULT_CONCURRENCY, limits = {} } = options;
    this.#options = options;
    this.#engine = engine;
    this.#store = store;
    this.#clock = clockOf(options.clock);
    this.#concurrency = concurrency;
    this.#limits = { fleet: null, tenant: null, ...limits };
    this.#name = options.name ?? `${hostname()}-${process.pid}`;
    this.#startedAtMs = this.#clock.nowMs();
    this.#starter = createStarter({
      engine,
      store,
      clock: this.#clock,
      settings: options.settings ?? {},
      retryAfterMs: options.rounds?.everyMs ?? null,
      ended: () => this.#looks?.wake(),
      lost: (space) => this.#beginAgain(space),
      mayStart: () => this.#state === "working",
      failed: (space, error) => this.#report(space, error),
    });
    this.#heart = createHeart({
      store,
      clock: this.#clock,
      owner: engine.owner,
      sendBeat: async (offsetMs) => {
        const beat = { report: this.#describe(offsetMs), nowMs: this.#clock.nowMs() };
        this.#listeners = (await store.admissions.beat(beat)).listeners;
      },
      cutOff: (graceMs) => this.#cutOff(graceMs),
      back: () => this.#back(),
    });
  }

  async start(): Promise<void> {
    if (this.#state !== "new") return;
    const { tenantOf: rule = DEFAULT_TENANT_RULE, dispatcher } = this.#options;
    const { admissions } = this.#store;
    const nowMs = this.#clock.nowMs();
    const worker = this.#engine.owner;
    // Known before it is asked: of two that begin at once with two rules one sees the other.
    await admissions.beat({ report: this.#describe(0), nowMs });
    if (!(await admissions.setTenantRule({ rule, worker, nowMs }))) {
      await admissions.leave(worker);
      throw new SlowwaveError(
        "tenant_rule_other",
        `A worker that lives tells tenants otherwise than by "${rule}"; start all of them with one rule.`,
      );
    }
    this.#state = "working";
    const takeovers = this.#engine.events$.subscribe((event) => {
      if (event.type === "run.started" && event.adopted) this.#takeovers += 1;
    });
    this.#ending.signal.addEventListener("abort", () => takeovers.unsubscribe());
    if (this.#options.rounds == null) await this.#takeOver();
    await this.#heart.start();
    await dispatcher?.start();
    measureFleet(
      {
        status: () => this.status(),
        overview: (tenants) => admissions.overview({ ...this.#terms(), tenants }),
      },
      { clock: this.#clock, until: this.#ending.signal },
    );
    this.#looks = createLooks(this.#clock, () => this.#look());
    if (this.#options.rounds == null) {
      const wake = () => {
        if (isWoken(this.#listeners, this.#random())) this.#looks?.wake();
      };
      await admissions.watch(wake, this.#ending.signal);
    }
  }

  status(): WorkerStatus {
    return {
      worker: this.#engine.owner,
      name: this.#name,
      state: this.#state,
      concurrency: this.#concurrency,
      running: this.#engine.live().length,
      starting: this.#starter.starting().length,
      takeovers: this.#takeovers,
      leasesLost: this.#starter.leasesLost(),
      startedAtMs: this.#startedAtMs,
      beatAgeMs: Math.round(this.#heart.ageMs()),
    };
  }

  async run(request: StartRequest): Promise<Run> {
    const { space = "global" } = request;
    if (this.#state !== "working") {
      throw new SlowwaveError("no_place", "This worker begins nothing now; ask another one, or later.");
    }
    if (this.#free() <= 0) throw noPlace(`All ${this.#concurrency} places of this worker are taken.`);
    const { admissions } = this.#store;
    const worker = this.#engine.owner;
    const refusal = await admissions.admitSpace({ space, worker, limits: this.#limits, ...this.#terms() });
    if (refusal === "paused") {
      throw new SlowwaveError(
        "fleet_paused",
        `Nothing is begun for the space "${space}": it is paused; \`slowwave fleet resume\` lifts that.`,
      );
    }
    if (refusal === "fleet-limit") throw noPlace("As many spaces are at work as the fleet may have.");
    if (refusal === "tenant-limit") throw noPlace("As many spaces of its tenant are at work as may be.");
    // Running or admitted already: the claim decides, and the run says so itself.
    return this.#starter.startNow(request, refusal === null);
  }

  stop(): void {
    if (this.#state !== "stopped") this.#state = "stopped";
    this.#ending.abort();
    this.#heart.stop();
    void this.#looks?.stop();
  }

  async drain({ graceMs = DEFAULT_DRAIN_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    if (this.#state === "draining" || this.#state === "stopped") return;
    this.#state = "draining";
    const deadlineMs = this.#clock.monotonicMs() + graceMs;
    await this.#looks?.stop();
    await this.#heart.beat().catch(() => {});
    await this.#starter.settled();
    const { runs } = this.#engine.runs.getSnapshot().context;
    for (const { id } of this.#engine.live()) {
      if (BEFORE_ITS_AGENT.test(runs.get(id)?.state ?? "")) void this.#engine.cancel(id).catch(() => {});
    }
    const ends = this.#engine.live().map(({ result }) => result.catch(() => {}));
    await within(this.#clock, deadlineMs - this.#clock.monotonicMs(), Promise.all(ends));
    const { dispatcher } = this.#options;
    if (dispatcher !== undefined) {
      await within(this.#clock, LAST_WORDS_MS, this.#starter.delivered());
      await dispatcher.stop().catch(() => {});
    }
    this.stop();
    await this.#store.admissions.leave(this.#engine.owner).catch(() => {});
  }

  /** Answers in how many milliseconds to look again at the latest. */
  async #look(): Promise<number> {
    const { rounds } = this.#options;
    // By a quarter to either side, so that workers that began together don't look together.
    const spread = 0.75 + this.#random() / 2;
    try {
      if (rounds != null) return await this.#lookInRound(rounds);
      await this.#admit();
    } catch (error) {
      this.#report(null, error);
    }
    return restMs(this.#listeners) * spread;
  }

  async #lookInRound({ everyMs, before }: NonNullable<WorkerOptions["rounds"]>): Promise<number> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#nextRoundMs !== null) {
      if (nowMs < this.#nextRoundMs) return this.#nextRoundMs - nowMs;
      this.#nextRoundMs = null;
      this.#roundBeganMs = nowMs;
      await before?.().catch((error: unknown) => this.#report(null, error));
      await this.#takeOver().catch((error: unknown) => this.#report(null, error));
    }
    const begun = await this.#admit().catch((error: unknown) => this.#report(null, error));
    if (begun !== undefined && begun > 0) return everyMs;
    if (this.#starter.starting().length + this.#engine.live().length > 0) return everyMs;
    this.#nextRoundMs = this.#roundBeganMs + everyMs;
    return Math.max(0, this.#nextRoundMs - this.#clock.monotonicMs());
  }

  /** Begins what is due in the places that are free; how many spaces. */
  async #admit(): Promise<number> {
    this.#starter.follow();
    const free = this.#free();
    if (this.#state !== "working" || free <= 0) return 0;
    const { dispatcher } = this.#options;
    const worker = this.#engine.owner;
    const askedMs = this.#clock.monotonicMs();
    const outcome = await this.#store.admissions.admit({
      worker,
      count: free,
      limits: this.#limits,
      ...this.#terms(),
      tellsOthers: isShared(this.#listeners),
      ...(dispatcher === undefined ? {} : { carrier: dispatcher }),
    });
    if (outcome.hasAbandonedRuns) await this.#takeOverSoon();
    // Whoever dies next is not kept waiting for those whom nobody could take over.
    else this.#takeoverPauseMs = this.#nextTakeoverMs = 0;
    for (const { space } of outcome.admitted) this.#starter.start({ space, askedMs });
    return outcome.admitted.length + (await this.#fetch(outcome.carried));
  }

  /**
   * The run of a dead worker was closed here, for its workspace is gone: its space begins anew in the place that it had,
   * if nobody took that meanwhile. Else it waits for its turn.
   */
  async #beginAgain(space: string): Promise<void> {
    if (this.#state !== "working" || this.#free() <= 0) return;
    const askedMs = this.#clock.monotonicMs();
    const { admissions } = this.#store;
    const place = { space, worker: this.#engine.owner, limits: this.#limits, ...this.#terms() };
    if ((await admissions.admitSpace(place)) === null) this.#starter.start({ space, askedMs });
  }

  /** Takes what a dispatcher carries, when something was handed to it, and now and then what others left there. */
  async #fetch(carried: number): Promise<number> {
    const { dispatcher } = this.#options;
    this.#unfetched += 1;
    if (dispatcher === undefined || (carried === 0 && this.#unfetched < FETCH_EVERY)) return 0;
    this.#unfetched = 0;
    const deliveries = await dispatcher.fetch(Math.max(0, this.#free()));
    const askedMs = this.#clock.monotonicMs();
    for (const { space, done } of deliveries) {
      const accept = () => this.#accept(space, dispatcher.name);
      this.#starter.start({ space, askedMs, delivery: { space, done, accept } });
    }
    return deliveries.length;
  }

  /** Makes the place of a carried space this worker's, or finds it another one: it may have been on its way too long. */
  async #accept(space: string, carrier: string): Promise<boolean> {
    const { admissions } = this.#store;
    const nowMs = this.#clock.nowMs();
    await admissions.handBack({ worker: carriedBy(carrier), spaces: [space], nowMs });
    const place = { space, worker: this.#engine.owner, limits: this.#limits, ...this.#terms() };
    return (await admissions.admitSpace(place)) === null;
  }

  /** Runs that nobody here can go on with are looked at less and less often. */
  async #takeOverSoon(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#nextTakeoverMs) return;
    const taken = await this.#engine.recover({ runsOnly: true }).catch((error: unknown) => {
      this.#report(null, error);
      return [];
    });
    this.#takeoverPauseMs =
      taken.length > 0 ? 0 : Math.min(LONGEST_PAUSE_MS, 2 * this.#takeoverPauseMs + 1_000);
    this.#nextTakeoverMs = this.#clock.monotonicMs() + this.#takeoverPauseMs;
  }

  #takeOver(): Promise<readonly Run[]> {
    return this.#engine.recover({ maxLiveRuns: this.#concurrency });
  }

  #free(): number {
    const live = new Set(this.#engine.live().map(({ space }) => space));
    const starting = this.#starter.starting().filter((space) => !live.has(space));
    return this.#concurrency - this.#engine.live().length - starting.length;
  }

  #cutOff(graceMs: number): void {
    if (this.#state === "working") this.#state = "cut-off";
    this.#report(
      null,
      new SlowwaveError("worker_cut_off", "The store could not be reached; the agents here are ended."),
    );
    this.#abandoning = this.#engine.abandon({ graceMs }).catch((error: unknown) => this.#report(null, error));
  }

  /** Not before the agents are gone: the runs would begin new ones beside them. */
  #back(): void {
    void this.#abandoning.then(() => {
      if (this.#heart.isCutOff()) return;
      if (this.#state === "cut-off") {
        this.#state = "working";
        this.#options.onBack?.();
      }
      this.#engine.recover({ runsOnly: true }).catch((error: unknown) => this.#report(null, error));
      this.#looks?.wake();
    });
  }

  /** What comes of a worker that ends, or of a store that is closed under it, is no news. */
  #report(space: string | null, error: unknown): void {
    if (this.#state === "draining" || this.#state === "stopped") return;
    if (["engine_closed", "store_closed"].includes(codeOf(error) ?? "")) return;
    this.#options.onProblem?.(space, error);
  }

  #random(): number {
    return (this.#options.random ?? Math.random)();
  }

  #terms(): DueTerms {
    const { successCooldownSeconds, retries } = { ...DEFAULT_SETTINGS, ...this.#options.settings };
    return { successCooldownSeconds, retries, nowMs: this.#clock.nowMs() };
  }

  #describe(clockOffsetMs: number): WorkerReport {
    const { worker, name, concurrency, running, takeovers, leasesLost, startedAtMs } = this.status();
    return {
      worker,
      name,
      host: hostname(),
      pid: process.pid,
      version: this.#options.version ?? "",
      state: this.#state === "draining" ? "draining" : "working",
      concurrency,
      limits: this.#limits,
      running,
      takeovers,
      leasesLost,
      startedAtMs,
      clockOffsetMs,
    };
  }
}

/** At most so long; never rejects. */
function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(resolve, Math.max(0, ms));
    const done = () => {
      clock.clearTimeout(timer);
      resolve();
    };
    work.then(done, done);
  });
}

function noPlace(why: string): SlowwaveError {
  return new SlowwaveError(
    "no_place",
    `${why} If the space is due, it begins by itself when its turn comes.`,
  );
}

function checkOptions({ concurrency, limits = {}, tenantOf = DEFAULT_TENANT_RULE }: WorkerOptions): void {
  const counts = {
    concurrency,
    "limits.fleet": limits.fleet,
    "limits.tenant": limits.tenant,
    ...limits.tenants,
  };
  for (const [name, count] of Object.entries(counts)) {
    if (count == null || (Number.isInteger(count) && count > 0)) continue;
    throw new SlowwaveError(
      "invalid_settings",
      `createWorker: ${name} must be a whole number of at least 1.`,
    );
  }
  tenantRule(tenantOf);
}
