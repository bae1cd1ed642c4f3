import { join } from "node:path";
import type { Command } from "../process/supervised-process.ts";

/**
 * The sandbox of one child process: what it sees of the machine, what it may write, and whom it reaches.
 *
 *   const sandbox = sandboxNamed("bubblewrap");
 *   const command = await sandbox.confine({ file, args, env, cwd }, spec);   // give it to `superviseProcess`
 */
export interface Sandbox {
  /** As the run's record names it. */
  readonly name: SandboxName;
  /** Whether it holds here: tried by really running it, once per process and kind of network where it does. Never rejects. */
  probe(network: SandboxNetwork): Promise<SandboxProbe>;
  /**
   * The command that runs this command in the sandbox. Rejects with `failed_sandbox_policy` when the sandbox does not
   * hold here or cannot be made; the message says what to do.
   */
  confine(command: Command, sandboxSpec: SandboxSpec): Promise<Command>;
}

export const SANDBOX_NAMES = ["bubblewrap", "none"] as const;

/** `none`: nothing is kept from the process but our environment. Only ever by explicit choice. */
export type SandboxName = (typeof SANDBOX_NAMES)[number];

export type SandboxProbe = { readonly version: string | null } | { readonly missing: string };

/** `none`: not even the loopback of this machine; `open`: all of it, abstract sockets of the host included. */
export type SandboxNetwork = "none" | "open";

/**
 * The command's file is absolute and readable inside; its environment is all the process gets, but that `HOME` and
 * the temporary folder become its own. Paths are absolute and the same inside as outside.
 */
export interface SandboxSpec {
  /** Writable. Holds no hard links, or the sandbox is refused: what they lead to may lie outside. */
  readonly workspace: string;
  /** Writable: the process's `HOME`. Made if it is not there; the run's own, never the person's. */
  readonly home: string;
  /** Files and folders that it may read beside the system: its program, its configuration. Missing ones are left out. */
  readonly readable: readonly string[];
  readonly network: SandboxNetwork;
  /**
   * A unix socket of the host at which a proxy listens: with `network: "none"` the one way out. This is where a proxy
   * that knows a list of allowed hosts belongs; none comes with Slowwave.
   */
  readonly proxySocket?: string;
  /** The agent brings a sandbox of its own and needs user namespaces for it. */
  readonly nested?: boolean;
}

/** An agent's private home: beside the workspace, and never kept, since it may hold copies of the person's keys. */
export function sandboxHome(runFolder: string): string {
  return join(runFolder, "home");
}
