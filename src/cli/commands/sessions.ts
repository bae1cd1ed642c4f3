import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import type { JobRow } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { isExcluded, jobKeyOf, type SessionRow } from "../../domain/session.ts";
import { lookAround, READERS, type Source } from "../../internal/learning.ts";
import { openMemoryStore } from "../../internal/store.ts";
import { folderNamed, sessionNamed, surroundingsOf } from "../learning.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore, openStore } from "../store.ts";
import { about, bold, counted, dim, green, type Line, moment, quoted, red, yellow } from "../ui/text.ts";

type End = (code: Promise<number>) => Promise<void>;

export function addSources(program: Command, shell: Shell, end: End): void {
  program
    .command("sources")
    .summary("agents whose sessions are here")
    .description("Shows where coding agents keep their sessions on this machine. Reads names and times only.")
    .addHelpText("after", examples("slowwave sources", "slowwave sources --json"))
    .action((_: unknown, command: Command) => end(sources(invocation(shell, command))));
}

export function addSessions(program: Command, shell: Shell, end: End): void {
  const sessions = program
    .command("sessions")
    .summary("each session, and what became of it")
    .description("Lists the sessions that agents keep here, newest first, each with what became of it.")
    .option("--from <agents>", `only sessions of these: ${Object.keys(READERS).join(",")}`)
    .addOption(new Option("--limit <n>", "so many at most").default("50"))
    .addHelpText("after", examples("slowwave sessions", "slowwave sessions show 5f0c1e9a"))
    .action((flags: { from?: string; limit: string }, command: Command) =>
      end(listSessions(invocation(shell, command), flags)),
    );
  sessions
    .command("show")
    .argument("<id>", "the session, or a beginning of its id")
    .summary("one session: its note, and what was said behind it")
    .addHelpText("after", examples("slowwave sessions show claude-5f0c1e9a"))
    .action((id: string, _: unknown, command: Command) => end(showSession(invocation(shell, command), id)));
}

export function addExclude(program: Command, shell: Shell, end: End): void {
  program
    .command("exclude")
    .argument("[what]", "a folder, or a session's id")
    .summary("never read sessions of a folder, or one session")
    .description(
      "Sessions of the folder, and below it, are not read from now on. What was learned of them before stays: " +
        "`slowwave purge ID` removes it.",
    )
    .option("--list", "show what is never read")
    .option("--remove", "read it again")
    .addHelpText(
      "after",
      examples(
        "slowwave exclude ~/clients/secret",
        "slowwave exclude --list",
        "slowwave exclude ~/clients/secret --remove",
      ),
    )
    .action((what: string | undefined, flags: { list?: boolean; remove?: boolean }, command: Command) => {
      const at = invocation(shell, command);
      if (flags.list === true && what === undefined) return end(listExclusions(at));
      if (what === undefined || what.trim() === "" || flags.list === true) {
        throw new SlowwaveError(
          "invalid_usage",
          "Name a folder or a session to exclude, or give --list alone.",
        );
      }
      return end(exclude(at, what, flags.remove === true));
    });
}

const DAY_MS = 24 * 60 * 60 * 1_000;
const SOON_DAYS = 7;

async function sources(at: Invocation): Promise<number> {
  const { output, world, places, json } = at;
  const existing = await openExistingStore(places);
  const store = existing ?? openMemoryStore();
  try {
    const clock = { nowMs: world.nowMs };
    const surroundings = surroundingsOf(world);
    const deps = { sessions: store.sessions, readers: READERS, clock, surroundings };
    const { sources: found } = await lookAround(deps, { space: places.space });
    const rows = await store.sessions.list({ space: places.space, limit: 1_000_000 });
    const all = found.map((source) => ({ ...source, expiring: expiringOf(source, rows, world.nowMs()) }));
    if (json) output.printJson({ sources: all });
    else if (all.length === 0) {
      output.print("No sessions of Claude Code, Codex, Gemini CLI or OpenCode were found here.");
    } else for (const source of all) output.print(...sourceLines(source));
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

/** Sessions that their agent will delete within a week, and that nobody has learned yet. */
function expiringOf(
  { agent, root, retentionDays }: Source,
  rows: readonly SessionRow[],
  nowMs: number,
): number {
  if (retentionDays === null) return 0;
  const soon = nowMs + SOON_DAYS * DAY_MS;
  const isOpen = ({ verdict }: SessionRow) => ["seen", "not_idle", "failed", "unreadable"].includes(verdict);
  return rows.filter(
    (row) =>
      row.agent === agent &&
      row.root === root &&
      isOpen(row) &&
      row.changedAt + retentionDays * DAY_MS < soon,
  ).length;
}

function sourceLines(source: Source & { readonly expiring: number }): readonly Line[] {
  const { title, root, sessions, newestAt, retentionDays, expiring } = source;
  const newest = newestAt === null ? "" : `, the newest of ${moment(newestAt)}`;
  const lines: Line[] = [[bold(title), ` ${counted(sessions, "session")}${newest} `, dim(root)]];
  if (retentionDays !== null) {
    const gone =
      expiring > 0
        ? yellow(
            `; ${counted(expiring, "session")} will be gone within a week and ${expiring === 1 ? "is" : "are"} not learned yet: \`slowwave learn\``,
          )
        : "";
    lines.push([dim(`  deletes its sessions after ${counted(retentionDays, "day")}`), gone]);
  }
  return lines;
}

async function listSessions(at: Invocation, flags: { from?: string; limit: string }): Promise<number> {
  const { output, world, places, json } = at;
  if (!/^[1-9]\d{0,6}$/.test(flags.limit)) {
    throw new SlowwaveError("invalid_usage", "--limit needs a whole number of at least 1.");
  }
  const agents = flags.from?.split(",").map((name) => name.trim());
  const existing = await openExistingStore(places);
  const store = existing ?? openMemoryStore();
  try {
    const deps = { sessions: store.sessions, readers: READERS, surroundings: surroundingsOf(world) };
    await lookAround({ ...deps, clock: { nowMs: world.nowMs } }, { space: places.space });
    const filter = { space: places.space, limit: Number(flags.limit), ...(agents ? { agents } : {}) };
    const rows = await store.sessions.list(filter);
    const sentenceFor = await sentenceWriter(store, places.space, world.nowMs());
    if (json)
      output.printJson({ sessions: rows.map((row) => ({ ...row, sentence: sentenceFor(row).sentence })) });
    else if (rows.length === 0)
      output.print("No sessions were found; `slowwave sources` shows where they are looked for.");
    else for (const row of rows) output.print(sessionLine(row, sentenceFor(row)));
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

interface Standing {
  readonly sentence: string;
  readonly tone: "good" | "open" | "bad" | "quiet";
}

/** One sentence on each session, with the time where it waits for one. */
async function sentenceWriter(
  store: Store,
  space: string,
  nowMs: number,
): Promise<(row: SessionRow) => Standing> {
  const jobs = new Map((await store.sessions.jobs()).map((job) => [job.job_key, job]));
  const exclusions = await store.sessions.exclusions();
  return (row) => {
    if (isExcluded(row, exclusions)) return { sentence: "excluded", tone: "quiet" };
    return sentenceOf(row, jobs.get(jobKeyOf(space, row.key)) ?? null, nowMs);
  };
}

function sentenceOf(row: SessionRow, job: JobRow | null, nowMs: number): Standing {
  if (job?.status === "running" && (job.lease_until ?? 0) * 1000 > nowMs) {
    return { sentence: "is being learned", tone: "open" };
  }
  switch (row.verdict) {
    case "learned":
      return { sentence: "learned", tone: "good" };
    case "nobody_spoke":
      return { sentence: "nobody spoke in it", tone: "quiet" };
    case "no_signal":
      return { sentence: "nothing in it was worth a note", tone: "quiet" };
    case "not_idle":
      return (row.verdictUntil ?? 0) > nowMs
        ? { sentence: `waits until ${moment(row.verdictUntil ?? 0)} (somebody spoke lately)`, tone: "open" }
        : { sentence: "due", tone: "open" };
    case "too_old":
      return { sentence: "too old; `slowwave learn --session` learns it all the same", tone: "quiet" };
    case "subagent":
      return { sentence: "an agent started it", tone: "quiet" };
    case "own":
      return { sentence: "an agent of Slowwave made it", tone: "quiet" };
    case "headless":
      return { sentence: "a program held it", tone: "quiet" };
    case "gone":
      return { sentence: "its file is gone", tone: "quiet" };
    case "failed":
    case "unreadable":
    case "unknown_format":
      return failedSentence(row, job, nowMs);
    default:
      return { sentence: "due", tone: "open" };
  }
}

const TRIES = 3;

function failedSentence({ verdict }: SessionRow, job: JobRow | null, nowMs: number): Standing {
  const why =
    verdict === "unknown_format"
      ? "of an unknown format"
      : verdict === "unreadable"
        ? "not readable"
        : "failed";
  const retryMs = (job?.retry_at ?? 0) * 1000;
  const isExhausted = job !== null && TRIES - job.retry_remaining >= TRIES;
  const when = isExhausted
    ? "no retry is left; `slowwave learn --session` tries again"
    : retryMs > nowMs
      ? `tried again in ${about((retryMs - nowMs) / 1000)}`
      : "due again";
  return { sentence: `${why}${job?.last_error ? ` (${job.last_error})` : ""}; ${when}`, tone: "bad" };
}

function sessionLine(row: SessionRow, { sentence, tone }: Standing): Line {
  const style = { good: green, open: yellow, bad: red, quiet: dim }[tone];
  return [
    `${moment(row.changedAt)} ${row.key} `,
    row.cwd === null ? "" : dim(`${row.cwd} `),
    style(sentence),
  ];
}

async function showSession(at: Invocation, id: string): Promise<number> {
  const { output, places, json, world } = at;
  const store = await openExistingStore(places);
  if (store === null)
    throw new SlowwaveError("session_unknown", "Nothing was learned yet; `slowwave learn` begins.");
  try {
    const { space } = places;
    const row = await sessionNamed(id, store, space);
    const standing = (await sentenceWriter(store, space, world.nowMs()))(row);
    const evidence = await store.sessions.evidence(space, row.key);
    const [note = null] = (await store.memories.versionsOf(space, row.key)).slice(0, 1);
    if (json) {
      output.printJson({ ...row, sentence: standing.sentence, note, evidence });
      return EXIT.ok;
    }
    output.print(sessionLine(row, standing), dim(row.path));
    if (row.persons !== null) {
      output.print(
        dim(`${counted(row.persons, "turn")} of a person, ${counted(row.tools ?? 0, "tool call")}`),
      );
    }
    if (note !== null) {
      output.print("", bold("Note"));
      output.printText(note.rawMemory);
    }
    if (evidence.length > 0) output.print("", bold("What it rests on"));
    for (const { tier, text, saidAt } of evidence) {
      output.print(dim(`[${tier.replace("_", " ")}${saidAt === null ? "" : `, ${moment(saidAt)}`}]`));
      output.printText(text);
    }
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

async function listExclusions({ output, places, json }: Invocation): Promise<number> {
  const store = await openExistingStore(places);
  try {
    const exclusions = (await store?.sessions.exclusions()) ?? [];
    if (json) output.printJson({ exclusions });
    else if (exclusions.length === 0) output.print("Nothing is excluded.");
    else for (const { pattern, at } of exclusions) output.print([pattern, dim(` since ${moment(at)}`)]);
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

async function exclude(at: Invocation, what: string, isRemoval: boolean): Promise<number> {
  const { output, places, world, json } = at;
  const store = await openStore(places, output);
  try {
    const pattern = await patternOf(what, store, at);
    if (isRemoval) {
      const wasThere = await store.sessions.include(pattern);
      if (json) output.printJson({ pattern, excluded: false, changed: wasThere });
      else output.print(wasThere ? [bold("read again"), ` ${pattern}`] : `${pattern} was not excluded.`);
      return EXIT.ok;
    }
    await store.sessions.exclude(pattern, world.nowMs());
    const learned = (
      await store.sessions.list({ space: places.space, verdicts: ["learned"], limit: 1_000_000 })
    ).filter((row) => isExcluded(row, [{ pattern }]));
    if (json) output.printJson({ pattern, excluded: true, learnedBefore: learned.map(({ key }) => key) });
    else {
      output.print([bold("excluded"), ` ${pattern}`]);
      if (learned.length > 0) {
        output.info(
          dim(
            `${counted(learned.length, "session")} of it ${learned.length === 1 ? "was" : "were"} learned before; remove with`,
          ),
          ...learned.slice(0, 5).map(({ key }) => dim(`  slowwave purge ${quoted(key)}`)),
        );
      }
    }
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

/** A session by its id; else a folder, which need not be there (any more). */
async function patternOf(what: string, store: Store, { places, world }: Invocation): Promise<string> {
  const folder = folderNamed(what, world.cwd);
  if (existsSync(folder) || /[/\\]|^[.~]/.test(what)) return folder;
  return (await sessionNamed(what, store, places.space)).key;
}
