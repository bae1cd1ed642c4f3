import { execFile } from "node:child_process";
import { lstat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { findOnPath } from "../process/environment.ts";
import { type AskGit, normaliseRemote } from "./projects.ts";

const PATIENCE_MS = 3_000;
const MOST_BYTES = 64 * 1024;

/**
 * Asks git about a folder. The folder is somebody's repository and may hold any configuration: git gets an environment of
 * its own, reads neither the system's nor the person's settings, runs no hook, monitor or helper, asks nobody, fetches
 * nothing, and has three seconds. A repository of another user is refused by git itself, and is none to us.
 */
export function gitAsker(env: Readonly<Record<string, string | undefined>>): AskGit {
  let program: Promise<string | null> | null = null;
  return async (folder) => {
    program ??= findOnPath("git", env.PATH);
    const git = await program;
    const isFolder = await lstat(folder).then(
      (facts) => facts.isDirectory(),
      () => false,
    );
    if (git === null || !isFolder) return null;
    const ask = (...args: readonly string[]) => answer(git, folder, args, env.PATH);
    const places = await ask("rev-parse", "--path-format=absolute", "--git-common-dir", "--show-toplevel");
    const [commonDir, topLevel] = places?.split("\n") ?? [];
    if (commonDir === undefined || !isAbsolute(commonDir)) return null;
    const [remote, roots] = await Promise.all([
      ask("config", "--local", "--get", "remote.origin.url"),
      ask("rev-list", "--max-parents=0", "HEAD"),
    ]);
    return {
      commonDir,
      topLevel: topLevel !== undefined && isAbsolute(topLevel) ? topLevel : folder,
      remote: remote === null ? null : normaliseRemote(remote),
      // A history that was joined from several has several: the oldest stays the last.
      rootCommit: roots?.split("\n").at(-1) ?? null,
    };
  };
}

const NO_EFFECTS = [
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "protocol.allow=never",
];

function answer(
  git: string,
  folder: string,
  args: readonly string[],
  path: string | undefined,
): Promise<string | null> {
  const env = {
    PATH: path,
    LC_ALL: "C",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_LAZY_FETCH: "1",
    GIT_CEILING_DIRECTORIES: "",
  };
  const options = {
    cwd: folder,
    env,
    timeout: PATIENCE_MS,
    maxBuffer: MOST_BYTES,
    killSignal: "SIGKILL",
  } as const;
  return new Promise((resolve) => {
    execFile(git, [...NO_EFFECTS, ...args], options, (error, stdout) => {
      const text = stdout.trim();
      resolve(error === null && text !== "" ? text : null);
    });
  });
}
