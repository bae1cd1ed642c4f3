import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Command, Option } from "commander";
import { codeOf, SlowwaveError } from "../../domain/failure.ts";
import {
  readScheduleState,
  SCHEDULE_MARK,
  type SchedulePlan,
  type ScheduleState,
  scheduleComplaint,
  schedulePlan,
  scheduleStateAfter,
  writeScheduleState,
} from "../../internal/schedule.ts";
import { connectionStates, refuseMemoryRoot, surroundingsOf } from "../connecting.ts";
import { EXIT, examples, type Invocation, invocation, placesOf, type Shell } from "../shell.ts";
import { bold, cyan, dim, durationMs, green, type Line, moment, yellow } from "../ui/text.ts";

interface ScheduleFlags {
  readonly every?: number;
  readonly print?: boolean;
}

const USUAL_MINUTES = 30;

export function addSchedule(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  const schedule = program
    .command("schedule")
    .summary("learn now and then, by the system's own timer")
    .description(
      "Has the system start `slowwave learn --run` now and then: systemd, launchd, or the Task Scheduler.",
    );
  const print = new Option("--print", "print the files and commands, and change nothing");
  schedule
    .command("install")
    .summary("begin")
    .addOption(
      new Option(
        "--every <duration>",
        "how often: 5m, 10m, 15m, 30m, 1h, 2h, 6h, 12h, 24h (default: 30m)",
      ).argParser((text) => durationMs(text, "--every")),
    )
    .addOption(print)
    .addHelpText(
      "after",
      examples("slowwave schedule install", "slowwave schedule install --every 2h --print"),
    )
    .action((flags: ScheduleFlags, command: Command) => end(install(invocation(shell, command), flags)));
  schedule
    .command("status")
    .summary("whether it is installed, and how its runs went")
    .action((_: object, command: Command) => end(status(invocation(shell, command))));
  schedule
    .command("remove")
    .summary("end it, and remove its files")
    .addOption(print)
    .action((flags: ScheduleFlags, command: Command) => end(remove(invocation(shell, command), flags)));
  schedule
    .command("tick", { hidden: true })
    .description("What the timer starts: one round of learning, and a note of how it went.")
    .action((_: object, command: Command) => end(tick(invocation(shell, command))));
}

function planFor(at: Invocation, everyMs = USUAL_MINUTES * 60_000): SchedulePlan {
  const { world, places } = at;
  const usual = placesOf({}, { env: { ...world.env, SLOWWAVE_HOME: undefined }, cwd: world.cwd });
  return schedulePlan({
    ...surroundingsOf(at),
    platform: process.platform,
    isUsualHome: usual.home === places.home,
    everyMinutes: everyMs / 60_000,
    uid: process.getuid?.() ?? 0,
  });
}

/** Writes the files and has the system take them in; a problem of the system's is told, the files stay. */
export async function installSchedule(
  at: Invocation,
  everyMs?: number,
): Promise<{ readonly plan: SchedulePlan; readonly problem: string | null }> {
  refuseMemoryRoot(at, "The timer");
  const plan = planFor(at, everyMs);
  for (const { path } of plan.files) await refuseForeign(path);
  for (const { path, text } of plan.files) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, encoded(path, text), { mode: 0o600 });
  }
  return { plan, problem: await runAll(plan.enable, at) };
}

export async function removeSchedule(
  at: Invocation,
): Promise<{ readonly plan: SchedulePlan; readonly problem: string | null; readonly wasThere: boolean }> {
  const plan = planFor(at);
  for (const { path } of plan.files) await refuseForeign(path);
  const wasThere = await isInstalled(plan);
  const problem = wasThere ? await runAll(plan.disable, at) : null;
  for (const { path } of plan.files) await rm(path, { force: true });
  await rm(join(at.places.home, "schedule-state.json"), { force: true });
  await connectionStates(at);
  return { plan, problem, wasThere };
}

async function install(at: Invocation, { every, print }: ScheduleFlags): Promise<number> {
  refuseMemoryRoot(at, "The timer");
  if (print === true) {
    const plan = planFor(at, every);
    return printPlan(at, plan, plan.enable);
  }
  const { plan, problem } = await installSchedule(at, every);
  return answer(at, plan, problem, [
    green("scheduled"),
    ` · by ${plan.scheduler}; \`slowwave schedule remove\` undoes it`,
  ]);
}

async function remove(at: Invocation, { print }: ScheduleFlags): Promise<number> {
  if (print === true) {
    const plan = planFor(at);
    return printPlan(at, plan, plan.disable);
  }
  const { plan, problem, wasThere } = await removeSchedule(at);
  const done: Line = wasThere ? [green("removed")] : "There was no schedule; nothing was changed.";
  return answer(at, plan, problem, done);
}

/** What the files are for the system; a task is read as UTF-16. */
function encoded(path: string, text: string): Buffer {
  return path.endsWith(".xml") ? Buffer.from(`\ufeff${text}`, "utf16le") : Buffer.from(text);
}

async function textAt(path: string): Promise<string | null> {
  try {
    const bytes = await readFile(path);
    return path.endsWith(".xml") ? bytes.toString("utf16le") : bytes.toString();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

async function refuseForeign(path: string): Promise<void> {
  const text = await textAt(path);
  if (text === null || text.includes(SCHEDULE_MARK)) return;
  throw new SlowwaveError(
    "schedule_in_the_way",
    `${path} is there already and is not ours; move it away. Nothing was touched.`,
  );
}

async function isInstalled({ files }: SchedulePlan): Promise<boolean> {
  for (const { path } of files) if ((await textAt(path))?.includes(SCHEDULE_MARK) === true) return true;
  return false;
}

/** The first that fails is told; the others are tried all the same. */
async function runAll(commands: SchedulePlan["enable"], { world }: Invocation): Promise<string | null> {
  let problem: string | null = null;
  for (const [program = "", ...words] of commands) {
    const failure = await new Promise<string | null>((done) => {
      const env = world.env as NodeJS.ProcessEnv;
      execFile(program, words, { env, timeout: 30_000 }, (error, _, stderr) => {
        done(error === null ? null : stderr.trim().split("\n").at(-1) || error.message);
      });
    });
    if (failure !== null) problem ??= `\`${[program, ...words].join(" ")}\` failed: ${failure}`;
  }
  return problem;
}

function answer(at: Invocation, plan: SchedulePlan, problem: string | null, done: Line): number {
  const { output, json } = at;
  const { scheduler, name, files, hint } = plan;
  if (json) output.printJson({ scheduler, name, files: files.map(({ path }) => path), problem });
  else if (problem === null) {
    output.print(done);
    if (hint !== null) output.info(dim(hint));
  } else output.info([yellow("The files are as they should be, but "), problem]);
  return problem === null ? EXIT.ok : EXIT.failed;
}

function printPlan(
  { output, json }: Invocation,
  plan: SchedulePlan,
  commands: SchedulePlan["enable"],
): number {
  if (json) output.printJson({ scheduler: plan.scheduler, name: plan.name, files: plan.files, commands });
  else {
    for (const { path, text } of plan.files) {
      output.print(bold(path));
      output.printText(text);
    }
    for (const words of commands) output.print([dim("$ "), words.join(" ")]);
  }
  return EXIT.ok;
}

async function status(at: Invocation): Promise<number> {
  const plan = planFor(at);
  const installed = await isInstalled(plan);
  const state = readScheduleState(at.places.home);
  const complaint = scheduleComplaint(state);
  const { output, json } = at;
  if (json) {
    output.printJson({ scheduler: plan.scheduler, name: plan.name, installed, state, complaint });
    return EXIT.ok;
  }
  output.print([
    dim("scheduler  "),
    `${plan.scheduler}, ${installed ? `installed as ${plan.name}` : "not installed"}`,
  ]);
  output.print([dim("last run   "), state === null ? "none yet" : moment(state.lastAtMs)]);
  if (state !== null && state.failures > 0)
    output.print([
      dim("failing    "),
      `${state.failures} in a row: ${state.code ?? "?"}: ${state.message ?? ""}`,
    ]);
  if (!installed) output.print([cyan("→"), " `slowwave schedule install` begins"]);
  return EXIT.ok;
}

const LONGEST_TICK_MS = 2 * 3_600_000;
/** Nobody waits for it: a young generation of at most 4 MB a half, instead of 16, keeps its memory small. */
const FRUGAL = "--max-semi-space-size=4";

/** One round; its end is written down, and told in the next recall when it keeps failing. */
async function tick(at: Invocation): Promise<number> {
  const { places, world } = at;
  const [program = "", ...script] = surroundingsOf(at).program;
  const space = places.space === "global" ? [] : ["--space", places.space];
  const words = [FRUGAL, ...script, "learn", "--run", "--json", "--home", places.home, ...space];
  const failure = await childFailure(program, words, world.env as NodeJS.ProcessEnv);
  const before = readScheduleState(places.home);
  const after = scheduleStateAfter(before, { atMs: world.nowMs(), failure });
  await writeScheduleState(places.home, after);
  // What made the round fail may keep the memory from being read, too; hooks read the state themselves.
  if (scheduleComplaint(before) !== scheduleComplaint(after)) await connectionStates(at).catch(() => []);
  if (at.json) at.output.printJson(after satisfies ScheduleState);
  else if (failure !== null) at.output.info([yellow("failed"), ` ${failure.code}: ${failure.message}`]);
  return failure === null ? EXIT.ok : EXIT.failed;
}

/** Null when it went well; else its error, or the number or signal that it ended with. */
function childFailure(
  program: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: string; message: string } | null> {
  return new Promise((done) => {
    const child = spawn(program, words, {
      env,
      stdio: ["ignore", "pipe", "ignore"],
      timeout: LONGEST_TICK_MS,
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout = `${stdout}${chunk.toString()}`.slice(-1_000_000);
    });
    child.on("error", (error) => done({ code: "start", message: error.message }));
    child.on("close", (code, signal) => {
      // A budget that is used up is no failure: it goes on tomorrow.
      if (code === EXIT.ok || code === EXIT.budget || code === EXIT.skipped) return done(null);
      done({ code: signal ?? `exit ${code}`, message: "", ...errorIn(stdout) });
    });
  });
}

function errorIn(stdout: string): { code: string; message: string } | null {
  try {
    const { error } = JSON.parse(stdout) as { error?: { code?: unknown; message?: unknown } };
    if (typeof error?.code !== "string") return null;
    return { code: error.code, message: typeof error.message === "string" ? error.message : "" };
  } catch {
    return null;
  }
}
