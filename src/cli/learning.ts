import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, resolve } from "node:path";
import pMap from "p-map";
import { SlowwaveError } from "../domain/failure.ts";
import type { LearnSettings } from "../domain/phase1.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf } from "../domain/run.ts";
import type { SessionRow } from "../domain/session.ts";
import {
  createLearner,
  extractNote,
  gatherEvidence,
  type Learner,
  READERS,
  type Surroundings,
} from "../internal/learning.ts";
import { abortable, agentNamed } from "./agents.ts";
import { interruptible } from "./run-with-engine.ts";
import type { Invocation } from "./shell.ts";
import { openStore } from "./store.ts";
import { yellow } from "./ui/text.ts";
import { exitCodeOfSignal, type World } from "./world.ts";

/** Where agents keep their things, for this invocation. */
export function surroundingsOf({ env }: Pick<World, "env">): Surroundings {
  const home = env.HOME === undefined || env.HOME === "" ? homedir() : env.HOME;
  return { env, home, platform: process.platform };
}

export interface LearnHow {
  /** `rules`, or an agent's name. */
  readonly extractor: string;
  readonly settings: Partial<LearnSettings>;
}

/** A learner on a store that somebody else opened and closes. */
export function learnerOn(
  { places, world }: Pick<Invocation, "places" | "world">,
  store: Store,
  { extractor, settings }: LearnHow,
): { readonly learner: Learner; abortAll(): Promise<void> } {
  const agent = extractor === "rules" ? null : abortable(agentNamed(extractor));
  const around = surroundingsOf(world);
  const { codex } = places;
  const learner = createLearner({
    store,
    home: places.home,
    // A Codex home takes notes of its own sessions alone.
    readers: codex === null ? READERS : { codex: READERS.codex },
    rules: { gather: gatherEvidence, extract: extractNote },
    surroundings: codex === null ? around : { ...around, env: { ...around.env, CODEX_HOME: codex.folder } },
    settings: { ...leftOutBy(world.env), ...settings },
    agent: agent?.runner ?? null,
  });
  return { learner, abortAll: agent?.abortAll ?? (async () => {}) };
}

/** What a schedule and `serve` leave out as well: `SLOWWAVE_SKIP_HEADLESS` and `SLOWWAVE_SKIP_EXTERNAL`. */
function leftOutBy(env: World["env"]): Partial<LearnSettings> {
  const isSet = (name: string) => {
    const text = env[name] ?? "";
    if (text === "" || text === "0" || text === "false") return false;
    if (text === "1" || text === "true") return true;
    throw new SlowwaveError("invalid_settings", `${name} is not valid: expected "true" or "false".`);
  };
  return {
    ...(isSet("SLOWWAVE_SKIP_HEADLESS") ? { includeHeadless: false } : {}),
    ...(isSet("SLOWWAVE_SKIP_EXTERNAL") ? { includeExternal: false } : {}),
  };
}

/** Opens store and learner, does the work, and closes both in any case. A signal cancels what is being learned. */
export async function withLearner(
  at: Invocation,
  how: LearnHow,
  work: (learner: Learner, store: Store) => Promise<number>,
): Promise<number> {
  const { places, world, output } = at;
  const store = await openStore(places, output);
  const { learner, abortAll } = learnerOn(at, store, how);
  const interrupt = interruptible(world, {
    ask: () => {
      output.info(yellow("Stopping; sessions that were begun are released first."));
      void learner.close();
    },
    force: abortAll,
  });
  try {
    const code = await work(learner, store);
    return interrupt.signal === null || code === 0 ? code : exitCodeOfSignal(interrupt.signal);
  } catch (error) {
    if (interrupt.signal !== null) return exitCodeOfSignal(interrupt.signal);
    throw error;
  } finally {
    await learner.close();
    await store.close();
    interrupt.release();
  }
}

/** So many sessions in one round of a schedule, and so many of them at once. */
const ROUND = { limit: 64, atOnce: 4 };

/** Learns what is due, and first what killed processes left; how many sessions became a note. */
export async function learnDue(learner: Learner, space: string): Promise<number> {
  const left = await Promise.all((await learner.recover()).map(({ result }) => result));
  await learner.look({ space });
  const ended = await learner.ended(space);
  const due = (await learner.due({ space, limit: ROUND.limit })).map(({ key }) => key);
  const learnIt = async (key: string) =>
    (await learner.learn({ space, key, force: ended.includes(key) })).result;
  const learned = await pMap([...new Set([...ended, ...due])], learnIt, { concurrency: ROUND.atOnce });
  await learner.retire();
  return [...left, ...learned].filter(({ status }) => status === "succeeded").length;
}

/** Who was writing the notes of the runs that are not over. */
export async function unfinishedExtractors({ runs }: Store): Promise<readonly string[]> {
  const active = await runs.list({ state: "active", machines: ["phase1"], limit: 1_000 });
  return [...new Set(active.map((run) => String(contextOf(run).extractor ?? "rules")))];
}

/** Whether a person has had sessions learned here: a schedule reads nobody's sessions before. */
export async function hasLearned({ sessions }: Store, space: string): Promise<boolean> {
  return Object.keys(await sessions.count(space)).some((verdict) => verdict !== "seen");
}

/** A folder as sessions name it: absolute, and by its real path where it is there. */
export function folderNamed(text: string, cwd: string): string {
  const path = resolve(cwd, text);
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const SEARCHED = 100_000;

/** The session a person means: its id, or an unambiguous beginning of it, with or without the agent's name before it. */
export async function sessionNamed(name: string, { sessions }: Store, space: string): Promise<SessionRow> {
  const exact = await sessions.read(space, name);
  if (exact !== null) return exact;
  const wanted = basename(name);
  const alike = (await sessions.list({ space, limit: SEARCHED })).filter(
    ({ key }) => wanted !== "" && (key.startsWith(wanted) || key.replace(/^[a-z]+-/, "").startsWith(wanted)),
  );
  if (alike.length > 1) {
    throw new SlowwaveError(
      "session_ambiguous",
      `${alike.length} sessions begin with "${name}"; give more of the id.`,
    );
  }
  const [only] = alike;
  if (only !== undefined) return only;
  throw new SlowwaveError(
    "session_unknown",
    `There is no session "${name}" here; \`slowwave sessions\` lists them.`,
  );
}
