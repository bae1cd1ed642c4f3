import { execFile } from "node:child_process";
import type { AgentProbe } from "../../domain/agent.ts";

const tried = new Map<string, Promise<AgentProbe>>();

/** Tries to open for writing, list and start a process under the permission model; true confinement refuses all three. */
const ATTEMPTS = `
const denied = (attempt) => { try { attempt(); return false; } catch (error) { return error.code === "ERR_ACCESS_DENIED"; } };
const fs = process.getBuiltinModule("node:fs");
const all = denied(() => fs.openSync(process.execPath, "r+")) && denied(() => fs.readdirSync("/")) &&
  denied(() => process.getBuiltinModule("node:child_process").spawnSync(process.execPath, ["-v"]));
process.stdout.write(all ? "confined" : "open");
`;

/** Whether this Node's permission model holds; tried once per Node and process. */
export function probeNodePermission(node: string): Promise<AgentProbe> {
  const before = tried.get(node);
  if (before !== undefined) return before;
  const probe = new Promise<AgentProbe>((resolve) => {
    const options = { env: {}, timeout: 10_000 };
    execFile(node, ["--permission", "--no-warnings", "-e", ATTEMPTS], options, (error, stdout) => {
      const confined = error === null && stdout === "confined";
      resolve(confined ? { sandbox: "node-permission" } : { missing: MISSING });
    });
  });
  tried.set(node, probe);
  return probe;
}

const MISSING =
  "Node's permission model does not hold here, so the extractive agent can't be kept in its workspace. Use Node 22.14 or later.";
