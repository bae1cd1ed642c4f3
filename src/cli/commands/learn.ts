import type { Command } from "commander";
import pMap from "p-map";
import type { RunResult } from "../../domain/event.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import type { LearnResult, LearnSettings } from "../../domain/phase1.ts";
import type { Store } from "../../domain/ports.ts";
import type { SessionRow } from "../../domain/session.ts";
import { type Learner, type Preview, READERS, transcriptAt } from "../../internal/learning.ts";
import { folderNamed, type LearnHow, sessionNamed, withLearner } from "../learning.ts";
import { followed, withEngine } from "../run-with-engine.ts";
import { choicesFrom } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Places, type Shell } from "../shell.ts";
import { bold, counted, dim, durationMs, green, type Line, red, yellow } from "../ui/text.ts";

interface LearnFlags {
  readonly from?: string;
  readonly project?: string;
  readonly since?: string;
  readonly session?: string;
  readonly file?: string;
  readonly last?: boolean;
  readonly limit?: string;
  readonly extractor?: string;
  readonly model?: string;
  readonly maxMinutes?: string;
  readonly maxTokens?: string;
  readonly maxCost?: string;
  readonly idle?: string;
  readonly again?: boolean;
  readonly skipHeadless?: boolean;
  readonly skipExternal?: boolean;
  readonly dryRun?: boolean;
  readonly run?: boolean;
}

export function addLearn(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("learn")
    .summary("learn from the sessions that coding agents keep")
    .description(
      "Reads the sessions that Claude Code, Codex, Gemini CLI and OpenCode keep on this machine and makes one note of each " +
        "that is at rest. By rules, without a model and without cost, unless an agent is named. Those that their agent will " +
        "soon delete come first.",
    )
    .option("--from <agents>", `only sessions of these: ${Object.keys(READERS).join(",")}`)
    .option("--project <dir>", "only sessions of this folder, or of its project")
    .option("--since <duration>", "only sessions that changed within this time, e.g. 10d")
    .option("--session <id>", "this session, whatever its age; a beginning of the id is enough")
    .option("--file <file>", "the session in this file, wherever it lies")
    .option("--last", "the session that changed last, whatever its age")
    .option("--limit <n>", "so many sessions at most (default: 16; 2 with an agent)")
    .option("--extractor <name>", "who writes the notes: rules, or an agent's name (default: rules)")
    .option("--model <model>", "the agent's model")
    .option("--max-minutes <n>", "wall clock of one session, decimals allowed (default: 5)")
    .option(
      "--max-tokens <n>",
      "tokens of the agent for one session (default: as the settings say, else none)",
    )
    .option("--max-cost <usd>", "cost of the agent for one session (default: as the settings say, else none)")
    .option("--idle <duration>", "how long nobody may have said anything, e.g. 30m, or 0 (default: 6h)")
    .option("--skip-headless", "leave out sessions that a program held (`claude -p`, `codex exec`)")
    .option("--skip-external", "leave out sessions with words from the web or from an MCP server")
    .option("--again", "learn the session anew although nothing changed")
    .option("--dry-run", "print the notes and keep none; with an agent, print what it would have to read")
    .option("--run", "consolidate afterwards, as `slowwave run` does")
    .addHelpText(
      "after",
      examples(
        "slowwave learn --run",
        "slowwave learn --dry-run",
        "slowwave learn --from claude,codex --since 10d --limit 200",
        "slowwave learn --last --idle 0",
        "slowwave learn --session 5f0c1e9a --extractor codex",
      ),
    )
    .action((flags: LearnFlags, command: Command) => end(learn(invocation(shell, command), flags)));
}

const AT_ONCE = { rules: 4, agent: 1 };
const LIMITS = { rules: 16, agent: 2 };
const MINUTE_MS = 60_000;
/** Exit codes from here on say that a signal came. */
const SIGNALLED = 128;

/** `slowwave learn`; returns the exit code. */
export async function learn(at: Invocation, flags: LearnFlags): Promise<number> {
  const how = howOf(at, flags);
  const isRules = how.extractor === "rules";
  const report = {
    looked: 0,
    learned: [] as LearnResult[],
    previews: [] as PreviewLine[],
    more: 0,
    forgotten: 0,
  };
  const work = async (learner: Learner, store: Store): Promise<number> => {
    for (const left of await learner.recover()) report.learned.push(await left.result);
    const { keys: due, isAsked, ended = [], ...found } = await wanted(at, learner, store, flags);
    const keys = [...new Set([...ended, ...due])];
    Object.assign(report, found);
    if (flags.dryRun === true) {
      for (const key of keys) report.previews.push(await preview(at, learner, { key, isAsked, isRules }));
      return EXIT.ok;
    }
    const atOnce = isRules ? AT_ONCE.rules : AT_ONCE.agent;
    const learnIt = (key: string) =>
      learnOne(at, learner, { key, isAsked, isOver: ended.includes(key), flags });
    const results = await pMap(keys, learnIt, {
      concurrency: atOnce,
    });
    report.learned.push(...results);
    await learner.retire();
    return exitCodeOf(report.learned);
  };
  const code = await withLearner(at, how, work);
  // One session that failed does not keep the others out of the memory; a signal ends it all.
  const goesOn = flags.run === true && flags.dryRun !== true && code < SIGNALLED;
  const run = goesOn ? await consolidateDue(at) : null;
  if (at.json) at.output.printJson(documentOf(report, run, flags));
  else printReport(at, report, run, flags);
  return run === null || run.outcome === "succeeded" || run.outcome === "skipped" ? code : EXIT.failed;
}

/** An agent's limits are those of a consolidation where nothing else is said; the rules need none. */
function limitsOf({ world, places }: Invocation, flags: LearnFlags): Partial<LearnSettings> {
  const given = (flag: string, text: string | undefined) => (text === undefined ? {} : { flag, text });
  const values = Object.entries({
    maxRunMinutes: given("--max-minutes", flags.maxMinutes),
    maxTokens: given("--max-tokens", flags.maxTokens),
    maxCostUsd: given("--max-cost", flags.maxCost),
  }).filter(([, value]) => "flag" in value);
  const chosen = choicesFrom(Object.fromEntries(values), world.env, places.configFile).settings;
  const { maxRunMinutes, maxTokens, maxCostUsd } = chosen;
  if (flags.maxMinutes !== undefined && maxRunMinutes === null) {
    throw new SlowwaveError("invalid_usage", "--max-minutes needs a number: learning a session always ends.");
  }
  return {
    maxTokens,
    maxCostUsd,
    ...(flags.maxMinutes === undefined || maxRunMinutes === null ? {} : { maxRunMinutes }),
  };
}

/** The rules spend nothing: a limit on that would be accepted and mean nothing. */
function refuseAgentLimits({ extractor = "rules", maxTokens, maxCost }: LearnFlags): void {
  if (extractor !== "rules" || (maxTokens === undefined && maxCost === undefined)) return;
  const flag = maxTokens === undefined ? "--max-cost" : "--max-tokens";
  throw new SlowwaveError("invalid_usage", `${flag} limits an agent; name one by --extractor.`);
}

function howOf(at: Invocation, flags: LearnFlags): LearnHow {
  refuseAgentLimits(flags);
  const settings: Partial<LearnSettings> = {
    ...limitsOf(at, flags),
    ...(flags.idle === undefined ? {} : { idleMinutes: idleOf(flags.idle) }),
    ...(flags.since === undefined ? {} : { maxAgeDays: null }),
    ...(flags.model === undefined ? {} : { model: flags.model }),
    ...(flags.skipHeadless === true ? { includeHeadless: false } : {}),
    ...(flags.skipExternal === true ? { includeExternal: false } : {}),
  };
  return { extractor: flags.extractor ?? "rules", settings };
}

function idleOf(text: string): number {
  return /^0[smhd]?$/.test(text) ? 0 : durationMs(text, "--idle") / MINUTE_MS;
}

function limitOf({ limit, extractor = "rules" }: LearnFlags): number {
  if (limit === undefined) return extractor === "rules" ? LIMITS.rules : LIMITS.agent;
  if (/^[1-9]\d{0,6}$/.test(limit)) return Number(limit);
  throw new SlowwaveError("invalid_usage", "--limit needs a whole number of at least 1.");
}

function agentsOf({ from }: LearnFlags, { codex }: Places): readonly string[] | undefined {
  if (codex !== null && from !== undefined && from.trim() !== "codex") {
    throw new SlowwaveError("invalid_usage", "With --codex-home only sessions of codex can be learned.");
  }
  if (codex !== null) return ["codex"];
  const agents = from?.split(",").map((name) => name.trim());
  const unknown = agents?.find((name) => !Object.hasOwn(READERS, name));
  if (unknown === undefined) return agents;
  const known = Object.keys(READERS).join(", ");
  throw new SlowwaveError("unknown_agent", `No sessions of "${unknown}" are read here; known: ${known}.`);
}

interface Wanted {
  readonly keys: readonly string[];
  /** A person named the session: its age does not count. */
  readonly isAsked: boolean;
  /** Their agents' hooks said that they are over: they need not be idle. */
  readonly ended?: readonly string[];
  readonly looked: number;
  readonly forgotten: number;
  readonly more: number;
}

/** Which sessions these flags mean, after a look around. */
async function wanted(at: Invocation, learner: Learner, store: Store, flags: LearnFlags): Promise<Wanted> {
  const { space } = at.places;
  const asked = [flags.session, flags.file, flags.last].filter((flag) => flag !== undefined);
  if (asked.length > 1) {
    throw new SlowwaveError("invalid_usage", "Give only one of --session, --file and --last.");
  }
  if (flags.file !== undefined) {
    const file = await transcriptAt(folderNamed(flags.file, at.world.cwd));
    const key = await learner.takeFile(space, file);
    return { keys: [key], isAsked: true, looked: 1, forgotten: 0, more: 0 };
  }
  const agents = agentsOf(flags, at.places);
  const look = await learner.look({ space, ...(agents === undefined ? {} : { agents }) });
  const found = { looked: look.files.size, forgotten: look.forgotten, more: 0 };
  if (flags.session !== undefined) {
    const { key } = await sessionNamed(flags.session, store, space);
    return { keys: [key], isAsked: true, ...found };
  }
  if (flags.last === true) {
    const newest = [...look.files.values()].sort((a, b) => b.changedAt - a.changedAt)[0];
    return { keys: newest === undefined ? [] : [newest.key], isAsked: true, ...found };
  }
  const since = flags.since === undefined ? 0 : at.world.nowMs() - durationMs(flags.since, "--since");
  const due = await learner.due({
    space,
    since,
    limit: Number.MAX_SAFE_INTEGER,
    ...(agents === undefined ? {} : { agents }),
    ...(flags.project === undefined ? {} : { project: folderNamed(flags.project, at.world.cwd) }),
  });
  const limit = limitOf(flags);
  const keys = due.slice(0, limit).map(({ key }: SessionRow) => key);
  const ended = flags.dryRun === true ? [] : await learner.ended(space);
  return { keys, isAsked: false, ended, ...found, more: Math.max(0, due.length - limit) };
}

async function learnOne(
  at: Invocation,
  learner: Learner,
  {
    key,
    isAsked,
    isOver,
    flags,
  }: {
    readonly key: string;
    readonly isAsked: boolean;
    readonly isOver: boolean;
    readonly flags: LearnFlags;
  },
): Promise<LearnResult> {
  const { space } = at.places;
  const run = await learner.learn({ space, key, force: isAsked || isOver, again: flags.again === true });
  const result = await run.result;
  if (result.outcome === "failed" || isAsked) at.output.info(...resultLines(result));
  return result;
}

function resultLines({ key, outcome, reason, persons, tools }: LearnResult): readonly Line[] {
  if (reason === null) {
    const counts = `${counted(persons ?? 0, "turn")} of a person, ${counted(tools ?? 0, "tool call")}`;
    return [[green("learned"), ` ${key} `, dim(counts)]];
  }
  const cause = reason.cause === null ? "" : ` (${reason.cause})`;
  const style = outcome === "skipped" ? yellow("left alone") : red("failed");
  return [[style, ` ${key}: ${reason.message}${cause}`]];
}

interface PreviewLine {
  readonly key: string;
  readonly preview: Preview;
}

async function preview(
  { places, output, json }: Invocation,
  learner: Learner,
  { key, isAsked, isRules }: { readonly key: string; readonly isAsked: boolean; readonly isRules: boolean },
): Promise<PreviewLine> {
  const found = await learner.preview({ space: places.space, key, force: isAsked });
  if (json) return { key, preview: found };
  if (found.kind === "skip")
    output.info([yellow("left alone"), ` ${key} (${found.verdict.replace("_", " ")})`]);
  else if (!isRules) output.print(`${key}: about ${counted(found.tokens, "token")} to read`);
  else if (found.kind === "none") output.info([dim("nothing to keep"), ` ${key}`]);
  else {
    output.print(bold(`── ${key}`));
    output.printText(found.note.rawMemory);
  }
  return { key, preview: found };
}

/** Phase 2 of the space with the agent and the limits of the settings; null when nothing is due. */
async function consolidateDue(at: Invocation): Promise<RunResult | null> {
  let result: RunResult | null = null;
  const choices = choicesFrom({}, at.world.env, at.places.configFile);
  await withEngine(at, choices, async (engine) => {
    const run = await engine.startIfDue({ space: at.places.space });
    if (run !== null) result = await followed(at, run);
    return EXIT.ok;
  });
  return result;
}

interface Report {
  readonly looked: number;
  readonly learned: readonly LearnResult[];
  readonly previews: readonly PreviewLine[];
  readonly more: number;
  readonly forgotten: number;
}

function documentOf({ learned, previews, ...counts }: Report, run: RunResult | null, flags: LearnFlags) {
  if (flags.dryRun === true) {
    return { ...counts, dryRun: previews.map(({ key, preview: found }) => ({ key, ...found })) };
  }
  return { ...counts, sessions: learned, ...(flags.run === true ? { run } : {}) };
}

/** A budget comes before a refused note, and that before any other failure. */
function exitCodeOf(results: readonly LearnResult[]): number {
  const failed = results.filter(({ outcome }) => outcome === "failed");
  if (failed.length === 0) return EXIT.ok;
  if (failed.some(({ status }) => status === "failed_budget")) return EXIT.budget;
  return failed.every(({ status }) => status === "failed_invalid_output") ? EXIT.refused : EXIT.failed;
}

function printReport({ output }: Invocation, report: Report, run: RunResult | null, flags: LearnFlags): void {
  const { looked, learned, more, forgotten } = report;
  if (flags.dryRun !== true) output.print(...summaryLines(report));
  if (looked === 0) {
    output.info(dim("No sessions were found; `slowwave sources` shows where they are looked for."));
  }
  if (forgotten > 0)
    output.info(dim(`${counted(forgotten, "session")} ${forgotten === 1 ? "stays" : "stay"} forgotten.`));
  if (more > 0) {
    output.info(
      dim(
        `${counted(more, "more session")} ${more === 1 ? "is" : "are"} due; learn again, or with --limit ${more + learned.length}.`,
      ),
    );
  }
  if (run !== null) {
    const how = run.outcome === "succeeded" ? green("consolidated") : yellow(run.status);
    output.print([
      how,
      run.reason === null ? ` · ${counted(run.inputs, "note")} in the memory` : ` ${run.reason.message}`,
    ]);
  } else if (flags.run === true) output.info(dim("The memory already held everything."));
  else if (learned.some(({ status }) => status === "succeeded")) {
    output.info(dim("`slowwave run` folds what was learned into the memory."));
  }
}

function summaryLines({ learned }: Report): readonly Line[] {
  const count = (status: (result: LearnResult) => boolean) => learned.filter(status).length;
  const kept = count(({ status }) => status === "succeeded");
  const empty = count(({ status }) => status === "succeeded_no_output");
  const failed = count(({ outcome }) => outcome === "failed" || outcome === "cancelled");
  const waiting = count(({ status }) => status === "skipped_not_idle");
  const left = count(({ outcome }) => outcome === "skipped") - waiting;
  const redacted = learned.reduce((sum, result) => sum + (result.redacted ?? 0), 0);
  if (learned.length === 0) return [bold("Nothing is due.")];
  return [
    [
      bold(`${counted(kept, "session")} learned`),
      empty > 0 ? `, ${empty} had nothing to keep` : "",
      waiting > 0 ? `, ${waiting} still in use` : "",
      left > 0 ? `, ${left} left alone` : "",
      failed > 0 ? red(`, ${failed} failed`) : "",
      redacted > 0 ? dim(` · ${counted(redacted, "secret")} replaced`) : "",
    ],
  ];
}
