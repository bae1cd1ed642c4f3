import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve, sep } from "node:path";
import { closestTo, namesOf } from "./folders.ts";
import { scheduleNotices } from "./schedule-state.ts";

/**
 * `slowwave hook AGENT`: what an agent runs at the start and end of a session. It may take no longer than starting Node does,
 * so it loads nothing but Node, opens no database, and only drops a note into the inbox and reads two prepared files. Whatever
 * happens it ends with 0, and stdout is one JSON document or nothing.
 */
export interface HookWorld {
  /** After `hook`. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
  readonly stdin: string;
}

/** What `bin/slowwave.js` calls. */
export async function enterHook(argv: readonly string[], nowMs: () => number): Promise<void> {
  try {
    const stdin = await readStdin();
    const answer = hookAnswer({ argv, env: process.env, nowMs, stdin });
    // Written at once: nothing is waited for any more.
    if (answer !== null) writeSync(1, `${answer}\n`);
  } catch {
    // An agent must not be held up, nor told anything.
  }
  process.exit(0);
}

const MOST_STDIN = 64 * 1024;
const STDIN_MS = 50;

/** Empty when it is larger than any hook's, or does not come in time. */
function readStdin(): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (text: string) => {
      clearTimeout(timer);
      process.stdin.destroy();
      done(text);
    };
    const give = () => finish(Buffer.concat(chunks).toString());
    // On a busy machine the time may be over before what was waiting could be read: there is one more look.
    const timer = setTimeout(() => setImmediate(() => setImmediate(give)), STDIN_MS);
    process.stdin.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > MOST_STDIN) finish("");
    });
    process.stdin.on("end", give);
    process.stdin.on("error", () => finish(""));
  });
}

const AGENTS = ["claude", "codex", "gemini", "opencode"];

/** The document for stdout, or null for silence. */
export function hookAnswer({ argv, env, nowMs, stdin }: HookWorld): string | null {
  const [agent = "", ...flags] = argv;
  if (!AGENTS.includes(agent)) return null;
  const input = parsed(stdin);
  if (input === null) return null;
  const home = homeOf(flags, env);
  const cwd = text(input.cwd);
  // Agents that we run ourselves are no sessions of the person's.
  if (cwd !== null && isInside(cwd, join(home, "staging"))) return null;
  const event = text(input.hook_event_name);
  attempt(() => leaveNote(home, agent, input, event, nowMs()));
  if (event !== "SessionStart" || cwd === null) return null;
  const folder = flagValue(flags, "--projections") ?? join(home, "projections", "global");
  const recall = withNotices(
    attempt(() => preparedRecall(folder, cwd)),
    attempt(() => scheduleNotices(home)) ?? [],
  );
  if (recall === null) return null;
  return JSON.stringify({ hookSpecificOutput: { hookEventName: event, additionalContext: recall } });
}

/** What keeps the schedule from learning may keep it from preparing a recall that says so. */
function withNotices(recall: string | null, notices: readonly string[]): string | null {
  const missing = notices.filter((notice) => recall?.includes(notice) !== true);
  if (missing.length === 0) return recall;
  return `${missing.map((notice) => `For the person: ${notice}\n`).join("")}${recall === null ? "" : `\n${recall}`}`;
}

function parsed(stdin: string): Readonly<Record<string, unknown>> | null {
  if (stdin.length > MOST_STDIN) return null;
  const value: unknown = attempt(() => JSON.parse(stdin));
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function attempt<Result>(work: () => Result): Result | null {
  try {
    return work();
  } catch {
    return null;
  }
}

const LONGEST = 4096;

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" && value.length <= LONGEST && !value.includes("\0")
    ? value
    : null;
}

function flagValue(flags: readonly string[], name: string): string | null {
  const at = flags.indexOf(name);
  return at < 0 ? null : text(flags[at + 1]);
}

/** As the command line finds it. */
function homeOf(flags: readonly string[], env: HookWorld["env"]): string {
  const given = (value: string | undefined) => (value === undefined || value === "" ? null : value);
  const state = given(env.XDG_STATE_HOME);
  const user = given(env.HOME) ?? homedir();
  const base = state !== null && isAbsolute(state) ? state : join(user, ".local", "state");
  return resolve(flagValue(flags, "--home") ?? given(env.SLOWWAVE_HOME) ?? join(base, "slowwave"));
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}${sep}`);
}

/** The note says that a session has something new. One a session; only in a home that is there already. */
function leaveNote(
  home: string,
  agent: string,
  input: Readonly<Record<string, unknown>>,
  event: string | null,
  atMs: number,
): void {
  const session = text(input.session_id);
  // An id is part of the file's name, so it holds nothing that leads elsewhere.
  if (session === null || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(session)) return;
  if (lstatSync(home, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  const inbox = join(home, "inbox");
  attempt(() => mkdirSync(inbox, { mode: 0o700 }));
  if (!lstatSync(inbox).isDirectory()) return;
  const note = {
    agent,
    session,
    event,
    transcript: text(input.transcript_path),
    cwd: text(input.cwd),
    at: atMs,
  };
  const file = join(inbox, `${agent}-${session}.json`);
  const draft = `${file}.${process.pid}`;
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  const fd = openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, `${JSON.stringify(note)}\n`);
    closeSync(fd);
    renameSync(draft, file);
  } catch (error) {
    attempt(() => unlinkSync(draft));
    throw error;
  }
}

const MOST_INDEX = 1024 * 1024;
const MOST_RECALL = 256 * 1024;

/** The recall of the folder's project; null when none was prepared. */
export function preparedRecall(folder: string, cwd: string): string | null {
  const index = JSON.parse(readBounded(join(folder, "index.json"), MOST_INDEX)) as {
    readonly projects: readonly { readonly folders: readonly string[]; readonly file: string }[];
  };
  const file = closestTo(index.projects, namesOf(cwd))?.file ?? "none.md";
  if (!/^[\w-]+\.md$/.test(file)) return null;
  const recall = readBounded(join(folder, file), MOST_RECALL);
  return recall.trim() === "" ? null : recall;
}

function readBounded(path: string, limit: number): string {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    if (fstatSync(fd).size > limit) throw new Error("It is too large.");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
