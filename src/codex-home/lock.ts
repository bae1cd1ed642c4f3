import { type ChildProcess, spawn } from "node:child_process";
import { SlowwaveError } from "../domain/failure.ts";
import { findOnPath } from "../process/environment.ts";

/** `flock` says so when another holds the lock. */
const IS_BUSY = 75;

/**
 * The lock that a consolidating Codex holds for its whole run (`flock(2)`, exclusive). Node has none: a child process,
 * util-linux's `flock`, holds it, and loses it with the end of its input, which is the end of this process.
 */
export class CodexLock {
  readonly #file: string;
  readonly #path: string | undefined;
  readonly #holders = new Set<string>();
  #child: ChildProcess | null = null;
  #pending: Promise<boolean> | null = null;

  constructor(file: string, path: string | undefined) {
    this.#file = file;
    this.#path = path;
  }

  /** Whether the lock is held, as it must be while we work. */
  get isHeld(): boolean {
    return this.#child !== null;
  }

  /** False when another program holds it. Rejects with `codex_lock_unavailable`. */
  async take(holder: string): Promise<boolean> {
    this.#pending ??= this.#child === null ? this.#start() : null;
    const isTaken = (await this.#pending) ?? true;
    this.#pending = null;
    if (isTaken) this.#holders.add(holder);
    return isTaken;
  }

  async drop(holder: string): Promise<void> {
    this.#holders.delete(holder);
    const child = this.#child;
    if (this.#holders.size > 0 || child === null) return;
    this.#child = null;
    await new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.stdin?.end();
    });
  }

  async #start(): Promise<boolean> {
    const program = await findOnPath("flock", this.#path);
    if (program === null) throw unavailable("there is no program flock on PATH");
    const held = ["sh", "-c", "echo held && exec cat > /dev/null"];
    const child = spawn(
      program,
      ["--nonblock", "--conflict-exit-code", String(IS_BUSY), this.#file, ...held],
      {
        stdio: ["pipe", "pipe", "ignore"],
        // An interrupt from the terminal is for us: the lock is held until the run has ended.
        detached: true,
      },
    );
    child.stdin?.on("error", () => {});
    const code = await new Promise<number | "held" | Error>((resolve) => {
      child.stdout?.once("data", () => resolve("held"));
      child.once("error", resolve);
      child.once("exit", (exit) => resolve(exit ?? -1));
    });
    if (code === IS_BUSY) return false;
    if (code !== "held") throw unavailable(code instanceof Error ? code.message : `flock ended with ${code}`);
    child.once("exit", () => {
      if (this.#child === child) this.#child = null;
    });
    this.#child = child;
    return true;
  }
}

function unavailable(why: string): SlowwaveError {
  return new SlowwaveError(
    "codex_lock_unavailable",
    `The lock that Codex takes can't be taken (${why}); install util-linux, which has flock.`,
  );
}
