/**
 * Reading the records that coding agents keep of their sessions. A *source* is an agent whose sessions are here, a
 * *session* is one conversation, an *utterance* is one thing that was said or done in it.
 *
 *   roots → list (names, sizes, times) → describe (the two ends of a file) → read (all of it, line by line)
 *
 * Nothing here writes, follows a symlink, or opens a path that stands inside a transcript. What is read is untrusted,
 * and not yet free of secrets: whoever keeps an utterance redacts it first.
 */

/** The agents whose sessions are read. */
export type SourceAgent = "claude" | "codex" | "gemini" | "opencode";

/** Where programs keep their things on this machine; passed in, so that a demo can have a home of its own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

export interface TranscriptReader {
  readonly agent: SourceAgent;
  /** The agent's name as its makers write it. */
  readonly title: string;
  /** The folders to look in, the likeliest first; they need not exist. */
  roots(surroundings: Surroundings): readonly string[];
  /** After so many days the agent deletes its sessions itself, by its settings; null when it never does. */
  retentionDays(root: string): Promise<number | null>;
  /**
   * Every session file below a root, in no order; nothing when the root is missing. Reads names, sizes and times, and no
   * more of a file than its id needs.
   */
  list(root: string, options?: ListOptions): AsyncIterable<TranscriptFile>;
  /**
   * Looks at both ends of a file to say whose session it is.
   *
   * @throws SlowwaveError with a `TranscriptFault` as its code
   */
  describe(file: TranscriptFile): Promise<SessionFile>;
  /**
   * What was said and done, in its order. Memory stays flat, however large the file.
   *
   * @throws SlowwaveError with a `TranscriptFault` as its code, when iterated
   */
  read(file: TranscriptFile, options?: ReadOptions): Reading;
}

export interface ListOptions {
  /** Milliseconds; files that were last changed before are passed over. */
  readonly since?: number;
}

/** A file as its folder shows it. */
export interface TranscriptFile {
  readonly agent: SourceAgent;
  /** `claude-<uuid>`, `gemini-<id>`, `opencode-<id>`; Codex's bare uuid, so that it equals the row that Codex may keep. */
  readonly key: string;
  readonly root: string;
  /** For OpenCode the database that holds the session among others. */
  readonly path: string;
  readonly bytes: number;
  readonly inode: number;
  /** Milliseconds. When the file was last written, which is not when somebody last said something. */
  readonly changedAt: number;
  /** Equal as long as nothing of the session changed; compare it, never the time. */
  readonly fingerprint: string;
  /** A helper is started by an agent, not by a person; it never stands alone. */
  readonly kind: "session" | "helper";
}

/** A session by what the two ends of its file say. */
export interface SessionFile extends TranscriptFile {
  readonly cwd: string | null;
  readonly branch: string | null;
  /** Of the agent. */
  readonly version: string | null;
  /** Milliseconds: the first and the last time that stands in a line of the conversation. */
  readonly firstAt: number | null;
  readonly saidAt: number | null;
  /** Whether a program spoke to the agent (`claude -p`, `codex exec`); null where the agent does not say. */
  readonly headless: boolean | null;
  /** The key of the session that started this one. */
  readonly parent: string | null;
}

/**
 * How much an utterance counts, the most first: what a person said; the answer that ended a turn; what another agent
 * said; what the agent said on its way; what a program put into the conversation; what a tool was asked and gave back.
 */
export const TIERS = ["person", "final", "other_agent", "commentary", "context", "tool"] as const;
export type Tier = (typeof TIERS)[number];

export interface Utterance {
  readonly tier: Tier;
  /** Milliseconds. */
  readonly at: number | null;
  /** For a tool what it gave back. */
  readonly text: string;
  readonly tool?: ToolCall;
}

export interface ToolCall {
  /** As the agent spells it: `Bash`, `exec_command`, `run_shell_command`. */
  readonly name: string;
  /** What was asked of it: the shell command, or JSON. */
  readonly input: string;
  /** A shell command as it was typed; null for every other tool. */
  readonly command: string | null;
  /** The files it wrote, as the call names them. */
  readonly files: readonly string[];
  /** Null when the record does not say. */
  readonly ok: boolean | null;
}

export interface ReadOptions {
  readonly limits?: Partial<ReadLimits>;
  /** Milliseconds of any clock that does not go back; without one there is no limit of time. */
  readonly now?: () => number;
  readonly signal?: AbortSignal;
}

export interface ReadLimits {
  /** A larger file is refused. */
  readonly fileBytes: number;
  /** A longer line is dropped and counted. */
  readonly lineBytes: number;
  /** What comes after so many lines is left out. */
  readonly lines: number;
  /** What was not read by then is left out. */
  readonly milliseconds: number;
}

export const READ_LIMITS: ReadLimits = {
  fileBytes: 512 * 1024 * 1024,
  lineBytes: 16 * 1024 * 1024,
  lines: 200_000,
  milliseconds: 30_000,
};

/** One way through a file. */
export interface Reading extends AsyncIterable<Utterance> {
  /** Complete once the last utterance was taken. */
  readonly report: ReadingReport;
}

export interface ReadingReport {
  readonly lines: number;
  /** The byte up to which the file was read, at the end of a line: half a line at the end is left for the next time. */
  readonly readTo: number;
  /** Lines that are no JSON, not UTF-8, hold a NUL, or are no record. */
  readonly broken: number;
  /** Lines longer than the limit. */
  readonly tooLong: number;
  /** Lines that repeat a record, or were copied from another session. */
  readonly repeated: number;
  /** Records that are no part of the conversation, by their kind. */
  readonly passedOver: Readonly<Record<string, number>>;
  /** Turns with a person's role that a program made. */
  readonly machineMade: number;
  /** Which limit ended the reading early. */
  readonly cutBy: "lines" | "time" | null;
}

/** Why a file is not read: codes of `SlowwaveError`, each told with a sentence. */
export type TranscriptFault =
  | "session_gone"
  | "session_unreadable"
  | "session_too_large"
  | "session_packed"
  | "session_unknown_format";
