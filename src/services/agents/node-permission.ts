import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { AgentProbe } from "../../domain/agent.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import type { Command } from "../process/supervised-process.ts";

export interface ConfinedScript {
  readonly node: string;
  /** The module that is run, with the workspace as its argument. */
  readonly main: string;
  /** The folder of code it may read. */
  readonly code: string;
  readonly workspace: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `.ts` in the sources, `.js` in the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const LEASH = fileURLToPath(new URL(`./leash${EXTENSION}`, import.meta.url));

/**
 * Runs a module of ours under Node's permission model: it reads its code and the workspace, writes in the
 * workspace, and starts no process, worker or addon. Sockets are denied from Node 25 on; symlinks are followed,
 * so the workspace must hold none that lead out. Flushing a file is denied too. Probed from 22.14 to 25.
 */
export async function confinedNode(script: ConfinedScript): Promise<Command> {
  const { node, main, env } = script;
  // The model compares real paths, and reads `*` as "anything that begins like this".
  const paths = [script.workspace, script.code, LEASH].map((path) => realpath(path));
  const [workspace = "", ...readable] = await Promise.all(paths);
  const open = [workspace, ...readable].find((path) => path.includes("*"));
  if (open !== undefined) {
    throw new SlowwaveError(
      "failed_sandbox_policy",
      `The path ${JSON.stringify(open)} has a "*" in it, which Node's permission model takes for a wildcard. Choose another home.`,
    );
  }
  const args = [
    "--permission",
    ...[workspace, ...readable].map((path) => `--allow-fs-read=${path}`),
    `--allow-fs-write=${workspace}`,
    "--no-warnings",
    ...(EXTENSION === ".ts" ? ["--experimental-strip-types"] : []),
    `--import=${pathToFileURL(LEASH).href}`,
    main,
    workspace,
  ];
  return { file: node, args, env, cwd: workspace };
}

const tried = new Map<string, Promise<AgentProbe>>();

/** Tries to write, list and start a process; true confinement refuses all three. */
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
