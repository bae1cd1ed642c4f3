import type { Sandbox } from "./sandbox.ts";

/** The command as it is: it may read, write and reach whatever this process may. */
export const noSandbox: Sandbox = {
  name: "none",
  probe: async () => ({ version: null }),
  confine: async (command) => command,
};
