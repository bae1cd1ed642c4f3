/**
 * `npm run demo:sessions -- --home DIR`: lays the samples where the four agents keep their sessions, below a home of your
 * choice, with every time moved so that the last word was said yesterday. For demos and tests; it takes only a folder
 * that holds none of the agents' files.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";

const SAMPLES = fileURLToPath(new URL("../samples/sessions/", import.meta.url));
/** The last word of the last sample. */
const LAST_SAID = Date.parse("2026-11-27T18:47:25.021Z");
const DAY = 86_400_000;
const PROJECT = "/home/dev/demo-shop";
const AGENT_FOLDERS = [".claude", ".codex", ".gemini", join(".local", "share", "opencode")];

export interface DemoSessions {
  /** The folder in which the sessions were made; it is there, and empty. */
  readonly project: string;
  /** By how many milliseconds all times were moved. */
  readonly moved: number;
  /** Keys of the sessions that are no helpers. */
  readonly keys: readonly string[];
}

/** Lays all nine samples below `home`, as if they were made a day before `now`. */
export function layDemoSessions(home: string, now: number): DemoSessions {
  const taken = AGENT_FOLDERS.find((folder) => existsSync(join(home, folder)));
  if (taken !== undefined) throw new Error(`${join(home, taken)} is there already; choose an empty home`);
  const moved = now - DAY - LAST_SAID;
  const project = join(home, "demo-shop");
  mkdirSync(project, { recursive: true });
  const text = (name: string) =>
    moveTimes(readFileSync(join(SAMPLES, name), "utf8"), moved).replaceAll(PROJECT, project);
  const lay = (path: string, content: string, at: number) => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), content);
    utimesSync(join(home, path), at / 1_000, at / 1_000);
  };
  layClaude(text, lay, project, moved);
  layCodex(text, lay, moved);
  layGemini(text, lay, project, moved);
  layOpenCode(text, home);
  return { project, moved, keys: KEYS };
}

const KEYS = [
  "claude-90e8fce3-061f-45ef-941c-431a103557b8",
  "claude-ac8d3814-37e8-4a8f-a424-a920db1fdcd2",
  "01a21e3e-5bad-7003-98f7-5fe89757bd4c",
  "gemini-5d555983-fcd6-4bcb-af12-53bc57722e70",
  "opencode-ses_de1baede8ffeE0DIsg5RwxQUXj",
];

type Text = (name: string) => string;
type Lay = (path: string, content: string, at: number) => void;

function layClaude(text: Text, lay: Lay, project: string, moved: number): void {
  const folder = join(".claude", "projects", project.replace(/[^A-Za-z0-9-]/g, "-"));
  const helper = "claude-code-2.1.328-subagent.agent-ab0630cfcab1cfe21";
  const at = (time: string) => Date.parse(time) + moved;
  lay(
    join(folder, "90e8fce3-061f-45ef-941c-431a103557b8.jsonl"),
    text("claude-code-2.1.328-two-turns.jsonl"),
    at("2026-11-27T18:23:23Z"),
  );
  const session = "ac8d3814-37e8-4a8f-a424-a920db1fdcd2";
  lay(
    join(folder, `${session}.jsonl`),
    text("claude-code-2.1.328-subagent-compact.jsonl"),
    LAST_SAID + moved,
  );
  const helpers = join(folder, session, "subagents");
  lay(join(helpers, "agent-ab0630cfcab1cfe21.jsonl"), text(`${helper}.jsonl`), at("2026-11-27T18:47:10Z"));
  lay(
    join(helpers, "agent-ab0630cfcab1cfe21.meta.json"),
    text(`${helper}.meta.json`),
    at("2026-11-27T18:47:10Z"),
  );
}

function layCodex(text: Text, lay: Lay, moved: number): void {
  const start = new Date(Date.parse("2026-11-27T18:22:13.229Z") + moved).toISOString();
  const [year = "", month = "", day = ""] = start.slice(0, 10).split("-");
  const name = `rollout-${start.slice(0, 19).replaceAll(":", "-")}-01a21e3e-5bad-7003-98f7-5fe89757bd4c.jsonl`;
  const end = Date.parse("2026-11-27T18:22:39.807Z") + moved;
  lay(join(".codex", "sessions", year, month, day, name), text("codex-0.169.0-two-turns.jsonl"), end);
}

function layGemini(text: Text, lay: Lay, project: string, moved: number): void {
  const hash = createHash("sha256").update(project).digest("hex");
  const known = "5fca3478802f2d1e770b542f81ca7e126375a9f962b645e78ca7454abbcb2c93";
  const minute = (time: string) =>
    new Date(Date.parse(time) + moved).toISOString().slice(0, 16).replace(":", "-");
  const chats = join(".gemini", "tmp", "demo-shop", "chats");
  for (const [sample, begun, ended] of [
    ["gemini-cli-0.61.0-resumed.jsonl", "2026-11-27T18:23:43Z", "2026-11-27T18:24:24.724Z"],
    // The names tell only the minute: this one must be another's, wherever the times are moved to.
    ["gemini-cli-0.61.0-resume-stub.jsonl", "2026-11-27T18:24:43Z", "2026-11-27T18:24:22.980Z"],
  ] as const)
    lay(
      join(chats, `session-${minute(begun)}-5d555983.jsonl`),
      text(sample).replaceAll(known, hash),
      Date.parse(ended) + moved,
    );
  lay(join(".gemini", "tmp", "demo-shop", ".project_root"), project, LAST_SAID + moved);
  lay(
    join(".gemini", "projects.json"),
    JSON.stringify({ projects: { [project]: "demo-shop" } }),
    LAST_SAID + moved,
  );
}

function layOpenCode(text: Text, home: string): void {
  const folder = join(home, ".local", "share", "opencode");
  mkdirSync(folder, { recursive: true });
  const database = new Database(join(folder, "opencode.db"));
  try {
    database.pragma("journal_mode = wal");
    database.exec(text("opencode-1.18.33-db.sql"));
  } finally {
    database.close();
  }
}

/** Times as text, in milliseconds and in seconds; not the numbers within ids. */
function moveTimes(text: string, moved: number): string {
  return text
    .replace(/2026-11-27T\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, (time) =>
      new Date(Date.parse(time) + moved).toISOString(),
    )
    .replace(/(?<![\w.])1795\d{9}(?![\w])/g, (time) => String(Number(time) + moved))
    .replace(/(?<![\w.])1795\d{6}(?![\w])/g, (time) => String(Number(time) + Math.trunc(moved / 1_000)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { home: { type: "string" } } });
  if (values.home === undefined) {
    console.error("Say where: npm run demo:sessions -- --home DIR");
    process.exit(2);
  }
  const home = resolve(values.home);
  const { keys, project } = layDemoSessions(home, Date.now());
  console.log(`Laid ${keys.length} sessions of four agents below ${home}, made in ${project}.`);
  console.log(`HOME=${home} slowwave sources`);
}
