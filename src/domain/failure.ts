import type { FailedStatus } from "./status.ts";

/**
 * Why something went wrong, as data: it is persisted, so it is plain JSON.
 * `message` is for the person and says what to do; `cause` is the underlying error, shortened.
 */
export interface Reason {
  readonly code: FailedStatus;
  readonly message: string;
  readonly cause: string | null;
}

/**
 * An error whose `code` is part of the product: the CLI prints it, `--json` carries it, tests compare it.
 * `ERROR_CODES` lists those in use outside a run.
 */
export class SlowwaveError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "SlowwaveError";
    this.code = code;
  }
}

/** The code of an error of ours, or null for a stranger. */
export function codeOf(error: unknown): string | null {
  if (error instanceof SlowwaveError) return error.code;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : null;
}

const CAUSE_LIMIT = 500;

/** One bounded line for `Reason.cause`: the error and, when there is one, the error behind it. */
export function causeOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 3; ) {
    parts.push(textOf(at));
    // Stored errors are plain objects of the same shape.
    at = typeof at === "object" ? (at as { cause?: unknown }).cause : undefined;
  }
  const line = parts
    .filter((part) => part !== "")
    // A sentence that goes on has no full stop.
    .map((part, at, all) => (at < all.length - 1 ? part.replace(/\.$/, "") : part))
    .join(": ")
    // Control characters would reach a terminal; line breaks would break one-line logs.
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  return line.length > CAUSE_LIMIT ? `${line.slice(0, CAUSE_LIMIT - 1)}…` : line;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const message = (value as { message?: unknown }).message;
  if (typeof message === "string") return message;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/**
 * Every code that an error of Slowwave carries beside the statuses of a run (`Status`) and the checks of the gate
 * (`GATE_DEFAULTS`), and what each means. Codes are part of the product: they are never renamed, and hosts may match them.
 * The message of an error says more: which file, which id, and what to do.
 */
export const ERROR_CODES = {
  // How something was called.
  invalid_usage: "The command line can't be understood; `slowwave --help` says what there is.",
  invalid_settings:
    "A setting or an option is unknown or out of range; the message names it and what is allowed.",
  invalid_config: "The config file can't be read or holds what no setting takes; mend or remove it.",
  space_invalid: "A space key has 1 to 200 characters and no control characters; choose another.",
  not_confirmed: "The command can't be undone and was not confirmed; answer yes or give --yes.",
  node_too_old: "The store's driver needs a newer Node; install one.",
  unknown_agent: "No agent of this name is known here; `slowwave agents` lists them.",
  unknown_format: "The machine is not printed in this format; the message lists those there are.",
  drawing_missing: "The chart is drawn when the package is built; run `npm run build` first.",

  // Homes and memory folders.
  home_unavailable: "The home can't be made or written; choose another with --home or SLOWWAVE_HOME.",
  home_damaged: "A file of the home does not hold what belongs in it; restore it from a backup.",
  home_foreign: "The home is the folder of another program; choose another with --home or SLOWWAVE_HOME.",
  codex_home_missing:
    "There is no Codex home with a memory at this path; name the folder of CODEX_HOME, and turn memories on in Codex.",
  codex_home_unknown:
    "The Codex home is kept in a form that is not known here; the message says what differs.",
  codex_home_other: "This home serves another Codex home; choose another with --home.",
  codex_thread_unknown: "A Codex home takes notes of the sessions that Codex knows alone.",
  codex_lock_unavailable: "The lock that Codex takes can't be taken; install util-linux, which has flock.",
  codex_baseline_failed: "The git baseline of Codex's memory could not be written; the cause says why.",
  home_in_use: "A process works with the home; end it and try again.",
  nothing_here: "The home holds no memory yet; import notes and run.",
  nothing_kept: "The home keeps nothing yet; import notes.",
  connection_unsupported: "The agent can't be connected in this way; the message says which ways it takes.",
  connection_in_the_way:
    "Something that is not ours stands where a connection goes; move it away or mend it.",
  connection_read_only: "A file or folder of the agent can't be written; change its permissions.",
  connection_changed:
    "Something of ours in a file of the agent was changed by hand; take it out as the message says.",
  connection_other_space: "The agent is shown another space there; disconnect it first.",
  connections_busy: "Another process changes the connections of this home; try again when it is done.",
  schedule_unsupported: "There is no scheduler here that is known; start `slowwave learn --run` by your own.",
  schedule_in_the_way: "A file of the scheduler is there already and is not ours; move it away.",
  note_refused:
    "A note of an agent is no statement about work, or there were too many; the message says which.",
  memory_file_unknown: "The memory has no file of that name; `slowwave memory show` lists them.",
  nothing_to_back_up: "The home keeps nothing yet, so there is nothing to copy.",
  eval_failed:
    "The agent did not finish on the sessions of the benchmark; its status and reason are in the message.",
  backup_missing: "There is no such file; name the backup to restore.",
  file_exists: "There is a file of that name; choose another.",
  checkout_not_empty:
    "The folder of a checkout holds files and was never checked out; name another, or empty it.",
  checkout_outdated:
    "The folder was changed by hand since a generation that the store no longer has as it was; save your changes and check out anew.",
  root_not_a_folder: "The memory folder is a file; move it away or choose another with --memory-root.",
  root_symlink: "The memory folder is a symlink; name the folder it leads to.",
  root_read_only: "The memory folder can't be written; mend its permissions.",
  root_foreign_content: "The memory folder holds things that are not ours; move them away or choose another.",
  root_mark_invalid: "The mark in the memory folder is not one of ours; move it away and run again.",
  root_other_home: "The memory folder belongs to another home; use that home, or another folder.",
  root_other_space: "The memory folder belongs to another space; use another folder.",
  root_busy: "Another process changes the memory folder; run again when it is done.",
  root_write_failed: "The memory folder could not be written; mend that and run again: it continues there.",
  root_in_the_way: "Something stands in the way of a file of the memory; move it away and run again.",
  content_changed: "A file changed while it was read; run again when nothing else writes to it.",
  tree_busy: "Something goes on writing in a folder that is to be removed; end it and run again.",

  // Stores.
  store_busy: "The database stayed locked by another process; try again, or end that process.",
  store_full: "No space is left for the database; free some and try again.",
  store_closed: "The store was closed while it was in use; open it again.",
  store_rejected: "The store refused a write that names something it does not hold, or holds already.",
  store_directory_missing: "There is no folder for the database; create it or choose another home.",
  store_network_fs:
    "The database is on a network file system, where locks can't be trusted; use a local disk.",
  store_read_only: "The database or its folder can't be written; change the permissions or the home.",
  store_not_a_database: "The file is no SQLite database; move it away or choose another home.",
  store_corrupt: "The database is damaged; move it away with its log and restore a backup.",
  store_foreign: "The database belongs to another program; choose another home.",
  store_newer: "The database was written by a newer Slowwave; update this one.",
  store_outdated: "The database's schema is of an older Slowwave; the message says how to bring it up.",
  store_url_invalid: "The address, or the schema's name, of the database is not one of PostgreSQL.",
  postgres_driver_missing: "The package pg is not installed; `npm install pg`.",
  store_unavailable: "The database can't be opened or read; the cause says more.",
  blob_damaged:
    "The stored copy of a file is damaged or missing; the message says what it can be mended from.",

  // Importing and records.
  file_not_found: "There is no such file.",
  file_is_a_folder: "The file to import is a folder; name a JSONL file in it.",
  file_unreadable: "The file can't be read; check its permissions.",
  file_empty: "There is nothing in the file; each line is one stage-1 output as JSON.",
  file_binary: "The file is binary; JSONL is text.",
  file_not_utf8: "The file is UTF-16; save it as UTF-8.",
  input_transcript: "The file is an agent's transcript; `slowwave learn --file FILE` makes a note of it.",
  file_packed: "The file is packed; unpack it first.",
  wrong_type: "A field, or the whole, has another type than it must have.",
  inputs_too_large: "The inputs of the run are too large together; take fewer with --limit.",

  // Sessions of other agents.
  session_gone: "The session's file is no longer there; its agent may have deleted it.",
  session_unreadable: "The session's file can't be read; the message says why.",
  session_too_large: "The session's file is larger than is read.",
  session_packed: "The session is packed with zstd, which this Node can't unpack; use Node 22.15 or newer.",
  session_changed: "The session went on while it was learned; it is learned anew.",
  session_forgotten: "The session was purged; `slowwave import --remember ID` lifts that.",
  session_unknown: "There is no session of this name here; `slowwave sessions` lists them.",
  session_ambiguous: "Several sessions begin so; give more of the id.",
  extraction_lost: "What the extractor wrote was lost; the session is learned again.",
  session_unknown_format:
    "The session is written in a way that is not known here, perhaps by a newer version of its agent.",

  // Runs, generations and drafts by name.
  unknown_run: "There is no run of this id; `slowwave runs` lists them.",
  ambiguous_run: "Several runs begin so; give more of the id.",
  unknown_generation: "No generation of this name is kept; `slowwave diff --list` lists them.",
  ambiguous_generation: "Several generations begin so; give more of the id.",
  generation_withdrawn: "A purge took the files of this generation; choose another.",
  nothing_to_restore: "No earlier published generation is kept.",
  unknown_draft: "No dry run of this hash is kept.",
  ambiguous_draft: "Several dry runs begin so; give more of the hash.",
  draft_outdated: "Something changed since the dry run; the message says what. Make another.",
  workspace_replaced: "The agent took its workspace away, or put something else in its place; run again.",
  gate_refused: "The workspace no longer passes the gate; run again.",

  // Agents.
  agent_missing: "The program of the agent is not here; the message says what to install.",
  agent_not_started: "The agent could not be started; the cause says why.",
  agent_busy: "The agent is still in its turn.",
  agent_closed: "The agent has been stopped.",
  agent_interrupted: "The agent's turn was ended; it is the reason of its abort signal.",
  agent_single_turn: "The agent takes one turn and can't mend its work in another.",
  agent_bad_report: "An agent function reported something that is no event.",
  agent_superseded: "Another process has taken the run over meanwhile.",
  agent_unkillable: "Something of the agent still lives; the message says what to do.",
  agent_unstoppable: "The agent could not be made to stand still while its work is judged.",
  budget_near: "Little of a budget is left; it is the reason of an agent function's finish signal.",
  lease_uncertain: "The lease could not be renewed in time.",
  run_ending: "The run is ending and its workspace is being cleared.",

  // Workers and their fleet.
  store_remote:
    "The command works on a home of this machine, not on a database; the message says what does instead.",
  tenant_rule_other: "Workers of one store tell tenants by one rule; another one is in use.",
  fleet_paused: "The tenant, or the whole fleet, is paused; `slowwave fleet resume` lifts that.",
  pg_boss_missing:
    "The package pg-boss is not installed; install it, or let workers find what is due themselves.",
  worker_cut_off: "The worker could not reach the store for so long that it ended its agents.",

  // The durable engine.
  engine_closed: "The engine is closed; create a new one.",
  run_exists: "There is a run of this id with another input; choose another id.",
  run_unknown: "There is no run of this id.",
  run_over: "The run is over without coming to what was waited for.",
  run_taken_over: "The run is continued by another process.",
  run_abandoned: "This process was cut off from the store and left the run; another one may continue it.",
  no_place: "Every place for a run is taken; try again when one is free.",
  wait_timeout: "The run did not come in time to what was waited for.",
  machine_missing: "The engine has no machine; give it `machine` or `machines`.",
  machine_threw: "The machine's own code threw; the cause is what it threw.",
  actor_missing: "The machine names an actor that was not provided.",
  inline_actor: "An actor of the machine has no name; give it one in `setup({ actors })`.",
  endless_exchange: "The actors of a run send events to each other without end.",
  unsupported_reference: "Something of an actor's reference is not supported in a durable run.",
  not_json: "An event, an input or a context holds what can't be recorded as JSON.",
  not_restorable: "A plain actor's run can't be restored; use `createEngine`.",

  // The HTTP API.
  invalid_request: "The request can't be understood.",
  not_found: "There is nothing at this address.",
  port_taken: "The port is in use; choose another with --port.",
} as const satisfies Readonly<Record<string, string>>;

/** The code of an error of Slowwave that is no status of a run. */
export type ErrorCode = keyof typeof ERROR_CODES;
