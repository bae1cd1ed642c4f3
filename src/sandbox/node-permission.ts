import { mkdir, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SlowwaveError } from "../domain/failure.ts";
import { removePath } from "../files/folder.ts";
import { nodeFiles } from "../files/node-files.ts";
import { type Command, outputOf } from "../process/supervised-process.ts";
import type { Sandbox } from "./sandbox.ts";

/** A module of ours that is run with the workspace as its argument. */
export interface NodeScript {
  readonly node: string;
  readonly main: string;
  /** The folder of code it may read. */
  readonly code: string;
  readonly workspace: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `.ts` in the sources, `.js` in the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const DEATH_WATCH = fileURLToPath(new URL(`./parent-death-watch${EXTENSION}`, import.meta.url));

/**
 * Runs a module of ours under Node's permission model: it reads its code and the workspace, writes in the
 * workspace, and starts no process, worker or addon. Sockets are denied from Node 25 on; symlinks are followed,
 * so the workspace must hold none that lead out. Flushing a file is denied too. Probed from 22.14 to 25.
 */
export async function confinedNode(script: NodeScript): Promise<Command> {
  const { node, main, env } = script;
  // The model compares real paths, and reads `*` as "anything that begins like this".
  const paths = [script.workspace, script.code, DEATH_WATCH].map((path) => realpath(path));
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
    ...watched(main),
    workspace,
  ];
  return { file: node, args, env, cwd: workspace };
}

/** The same module with nothing but the watch of its parent. */
export function unconfinedNode({ node, main, env, workspace }: NodeScript): Command {
  return { file: node, args: [...watched(main), workspace], env, cwd: workspace };
}

function watched(main: string): readonly string[] {
  const types = EXTENSION === ".ts" ? ["--experimental-strip-types"] : [];
  return ["--no-warnings", ...types, `--import=${pathToFileURL(DEATH_WATCH).href}`, main];
}

/** `network`: whether sockets are denied, too. */
export type ModelProbe =
  | { readonly sandbox: "node-permission"; readonly network: "none" | "open" }
  | { readonly missing: string };

const tried = new Map<string, Promise<ModelProbe>>();

/** Tries to write, list and start a process; true confinement refuses all three. A socket it may refuse. */
const ATTEMPTS = `
const denied = (attempt) => { try { attempt(); return false; } catch (error) { return error.code === "ERR_ACCESS_DENIED"; } };
const fs = process.getBuiltinModule("node:fs");
const all = denied(() => fs.openSync(process.execPath, "r+")) && denied(() => fs.readdirSync("/")) &&
  denied(() => process.getBuiltinModule("node:child_process").spawnSync(process.execPath, ["-v"]));
const say = (error) => console.log(all ? "confined" : "free", error?.code === "ERR_ACCESS_DENIED" ? "none" : "open");
try {
  const socket = process.getBuiltinModule("node:net").connect(9, "127.0.0.1", () => say(socket.destroy() && null));
  socket.on("error", say);
} catch (error) { say(error); }
`;

const PATIENCE_MS = 10_000;

/** Whether this Node's permission model holds, in a sandbox if one is given; tried once per Node, sandbox and process. */
export function probeNodePermission(node: string, sandbox?: Sandbox): Promise<ModelProbe> {
  const key = `${sandbox?.name ?? ""} ${node}`;
  const probe = tried.get(key) ?? tryNode(node, sandbox);
  tried.set(key, probe);
  return probe;
}

async function tryNode(node: string, sandbox: Sandbox | undefined): Promise<ModelProbe> {
  const command = { file: node, args: ["--permission", "--no-warnings", "-e", ATTEMPTS], env: {} };
  const place = await realpath(await mkdtemp(join(tmpdir(), "slowwave-node-")));
  try {
    const [workspace, home] = [join(place, "workspace"), join(place, "home")];
    await mkdir(workspace);
    const bare = { ...command, cwd: workspace };
    const sandboxSpec = { workspace, home, readable: [], network: "none" } as const;
    const { stdout } = await outputOf((await sandbox?.confine(bare, sandboxSpec)) ?? bare, PATIENCE_MS);
    const [verdict, network] = stdout.trim().split(" ");
    return verdict === "confined"
      ? { sandbox: "node-permission", network: network === "none" ? "none" : "open" }
      : { missing: MISSING };
  } finally {
    await removePath(nodeFiles(), place);
  }
}

const MISSING =
  "Node's permission model does not hold here, so the extractive agent can't be kept in its workspace. Use Node 22.14 or later.";
