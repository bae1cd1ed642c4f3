import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import type { Store } from "../../domain/ports.ts";
import { isExcluded, type SessionRow } from "../../domain/session.ts";
import { type SessionSentence, sentenceAt, sentenceWriter } from "../../domain/session-sentence.ts";
import { lookAround, READERS, type Source } from "../../internal/learning.ts";
import { openMemoryStore } from "../../internal/memory-store.ts";
import { folderNamed, sessionNamed, surroundingsOf } from "../learning.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore, openStore } from "../store.ts";
import { bold, counted, dim, green, type Line, moment, quoted, red, yellow } from "../ui/text.ts";

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
    const write = await sentenceWriter(store.sessions, places.space, world.nowMs());
    const sentenceOf = (row: SessionRow) => sentenceAt(write(row), moment);
    if (json) output.printJson({ sessions: rows.map((row) => ({ ...row, sentence: sentenceOf(row) })) });
    else if (rows.length === 0)
      output.print("No sessions were found; `slowwave sources` shows where they are looked for.");
    else for (const row of rows) output.print(sessionLine(row, write(row)));
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

function sessionLine(row: SessionRow, sentence: SessionSentence): Line {
  const style = { good: green, open: yellow, bad: red, quiet: dim }[sentence.tone];
  return [
    `${moment(row.changedAt)} ${row.key} `,
    row.cwd === null ? "" : dim(`${row.cwd} `),
    style(sentenceAt(sentence, moment)),
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
    const sentence = (await sentenceWriter(store.sessions, space, world.nowMs()))(row);
    const evidence = await store.sessions.evidence(space, row.key);
    const [note = null] = (await store.memories.versionsOf(space, row.key)).slice(0, 1);
    if (json) {
      output.printJson({ ...row, sentence: sentenceAt(sentence, moment), note, evidence });
      return EXIT.ok;
    }
    output.print(sessionLine(row, sentence), dim(row.path));
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
