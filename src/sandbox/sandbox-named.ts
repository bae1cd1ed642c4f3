import { bubblewrap } from "./bubblewrap.ts";
import type { Sandbox, SandboxName } from "./sandbox.ts";

/** The command as it is: it may read, write and reach whatever this process may. */
const noSandbox: Sandbox = {
  name: "none",
  probe: async () => ({ version: null }),
  confine: async (command) => command,
};

const SANDBOXES: Readonly<Record<SandboxName, Sandbox>> = { bubblewrap: bubblewrap(), none: noSandbox };

/**
 * The sandbox of this name.
 *
 * @example
 * ```ts
 * const sandbox = sandboxNamed("bubblewrap");
 * const found = await sandbox.probe("none"); // { version } or { missing }, a sentence that says what to do
 * const confined = await sandbox.confine({ file, args, env, cwd }, { workspace, home, readable: [], network: "none" });
 * ```
 */
export function sandboxNamed(name: SandboxName): Sandbox {
  return SANDBOXES[name];
}
