/**
 * What coding agents keep of their sessions, as utterances of one shape: Claude Code, Codex, Gemini CLI and OpenCode.
 *
 * - `READERS` has one reader for each agent; `listSessions` asks them all.
 * - `transcriptAt` finds out whose session a single file is.
 * - `isOwnSession` tells the sessions that Slowwave's own agents made.
 */

import { lstat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { codeOf } from "../domain/failure.ts";
import { claudeReader, claudeSessionIn } from "./claude.ts";
import { codexReader, codexSessionIn } from "./codex.ts";
import { geminiReader, geminiSessionIn } from "./gemini.ts";
import { opencodeReader, opencodeSessionIn } from "./opencode.ts";
import type { SourceAgent, Surroundings, TranscriptFile, TranscriptReader } from "./reader.ts";
import { fault } from "./source-file.ts";

export { isOwnSession } from "./own-session.ts";
export {
  type ListOptions,
  READ_LIMITS,
  type Reading,
  type ReadingReport,
  type ReadLimits,
  type ReadOptions,
  type SessionFile,
  type SourceAgent,
  type Surroundings,
  TIERS,
  type Tier,
  type ToolCall,
  type TranscriptFault,
  type TranscriptFile,
  type TranscriptReader,
  type Utterance,
} from "./reader.ts";

export const READERS: Readonly<Record<SourceAgent, TranscriptReader>> = {
  claude: claudeReader,
  codex: codexReader,
  gemini: geminiReader,
  opencode: opencodeReader,
};

/** Every session file of these agents that is here. */
export async function* listSessions(
  surroundings: Surroundings,
  { agents = Object.keys(READERS) as SourceAgent[], since = 0 }: ListSessionsOptions = {},
): AsyncGenerator<TranscriptFile> {
  for (const agent of agents) {
    for (const root of READERS[agent].roots(surroundings)) yield* READERS[agent].list(root, { since });
  }
}

export interface ListSessionsOptions {
  readonly agents?: readonly SourceAgent[];
  /** Milliseconds; files that were last changed before are passed over. */
  readonly since?: number;
}

/** How to tell a session by what its file holds, the clearest first. */
const TELLS: readonly [SourceAgent, (file: TranscriptFile) => Promise<string | null>][] = [
  ["codex", codexSessionIn],
  ["gemini", geminiSessionIn],
  ["opencode", opencodeSessionIn],
  ["claude", claudeSessionIn],
];

/**
 * The session in one file, whatever its name: somebody kept or moved it.
 *
 * @throws SlowwaveError with a `TranscriptFault` as its code
 */
export async function transcriptAt(path: string): Promise<TranscriptFile> {
  const facts = await lstat(path).catch((error: unknown) => {
    throw fault("session_gone", path, "it is no longer there", error);
  });
  const found = {
    root: dirname(path),
    path,
    bytes: facts.size,
    inode: facts.ino,
    changedAt: Math.trunc(facts.mtimeMs),
    fingerprint: `${facts.ino}:${facts.size}`,
  };
  const kind = /^agent-/.test(basename(path)) ? "helper" : "session";
  for (const [agent, sessionIn] of TELLS) {
    const file: TranscriptFile = { agent, key: "", kind, ...found };
    const session = await sessionIn(file).catch((error: unknown) => {
      if (codeOf(error) === "session_unknown_format" || codeOf(error) === "session_too_large") return null;
      throw error;
    });
    if (session === null || !/^[\w-]{1,120}$/.test(session)) continue;
    return { ...file, key: agent === "codex" ? session : `${agent}-${session}` };
  }
  throw fault(
    "session_unknown_format",
    path,
    "it is no session of Claude Code, Codex, Gemini CLI or OpenCode",
  );
}
