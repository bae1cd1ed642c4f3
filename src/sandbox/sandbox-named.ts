import { bubblewrap } from "./bubblewrap.ts";
import { noSandbox } from "./no-sandbox.ts";
import type { Sandbox, SandboxName } from "./sandbox.ts";

const SANDBOXES: Readonly<Record<SandboxName, Sandbox>> = { bubblewrap: bubblewrap(), none: noSandbox };

export function sandboxNamed(name: SandboxName): Sandbox {
  return SANDBOXES[name];
}
