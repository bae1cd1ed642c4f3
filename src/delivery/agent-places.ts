import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";
import type { Entry } from "./json-entry.ts";
import { projectionsFolder } from "./projections.ts";
import type { ShownTexts } from "./shown-texts.ts";

/** Where each agent reads what it is shown, and how it is put there. */
export const CONNECTABLE = ["claude", "codex", "gemini", "opencode"] as const;
export type AgentName = (typeof CONNECTABLE)[number];

export const HOWS = ["file", "skill", "block", "hook", "mcp"] as const;
export type How = (typeof HOWS)[number];

export const AGENT_TITLES: Readonly<Record<AgentName, string>> = {
  claude: "Claude Code",
  codex: "Codex",
  gemini: "Gemini CLI",
  opencode: "OpenCode",
};

/** One file to be written. */
export type Target =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "block"; readonly path: string; readonly text: string }
  | { readonly kind: "entry"; readonly path: string; readonly entries: readonly Entry[] };

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's own folder. */
  readonly user: string;
  /** Of Slowwave. */
  readonly home: string;
  readonly space: string;
  /** How this program is started: Node and the script. */
  readonly program: readonly string[];
}

/** What each agent takes, the least intrusive first: that is the default. */
export const WAYS: Readonly<Record<AgentName, readonly How[]>> = {
  claude: ["file", "skill", "block", "hook", "mcp"],
  codex: ["skill", "block", "hook"],
  gemini: ["file", "skill", "block", "hook", "mcp"],
  opencode: ["file", "skill", "block", "mcp"],
};

export function configFolder(agent: AgentName, { env, user }: Pick<Surroundings, "env" | "user">): string {
  const given = (name: string) => {
    const value = env[name];
    return value !== undefined && isAbsolute(value) ? value : null;
  };
  switch (agent) {
    case "claude":
      return given("CLAUDE_CONFIG_DIR") ?? join(user, ".claude");
    case "codex":
      return given("CODEX_HOME") ?? join(user, ".codex");
    case "gemini":
      return join(user, ".gemini");
    case "opencode":
      return join(given("XDG_CONFIG_HOME") ?? join(user, ".config"), "opencode");
  }
}

/** Whether the agent is or was used here: it has settings, or keeps sessions. */
export function isAgentHere(agent: AgentName, around: Pick<Surroundings, "env" | "user">): boolean {
  const data = around.env.XDG_DATA_HOME;
  const share = data !== undefined && isAbsolute(data) ? data : join(around.user, ".local", "share");
  const folders = [configFolder(agent, around), ...(agent === "opencode" ? [join(share, "opencode")] : [])];
  return folders.some((folder) => existsSync(folder));
}

/** Rejects with `connection_unsupported` when the agent has no such way. */
export function targetsOf(
  agent: AgentName,
  how: How,
  around: Surroundings,
  texts: ShownTexts,
): readonly Target[] {
  if (!WAYS[agent].includes(how)) {
    throw new SlowwaveError(
      "connection_unsupported",
      `${AGENT_TITLES[agent]} can't be connected by --how ${how}; it takes ${WAYS[agent].join(", ")}.`,
    );
  }
  const folder = configFolder(agent, around);
  switch (how) {
    case "file":
      return [...fileTargets(agent, folder, around, texts), skillTarget(agent, folder, around, texts)];
    case "skill":
      return [skillTarget(agent, folder, around, texts)];
    case "block":
      return [{ kind: "block", path: join(folder, INSTRUCTIONS[agent]), text: texts.overview }];
    case "hook":
      return [hookTarget(agent, folder, around)];
    case "mcp":
      return [mcpTarget(agent, folder, around)];
  }
}

/** The text that a file or block of this path holds for another memory; null for one that never changes. */
export function textAt(path: string, texts: ShownTexts): string | null {
  if (path.endsWith("SKILL.md")) return texts.skill;
  if (path.endsWith("gemini-extension.json")) return GEMINI_MANIFEST;
  return path.endsWith(".md") ? texts.overview : null;
}

const GEMINI_MANIFEST = `${JSON.stringify({ name: "slowwave", version: "1.0.0", contextFileName: "MEMORY.md" }, null, 2)}\n`;

const INSTRUCTIONS: Readonly<Record<AgentName, string>> = {
  claude: "CLAUDE.md",
  codex: "AGENTS.md",
  gemini: "GEMINI.md",
  opencode: "AGENTS.md",
};

function fileTargets(
  agent: AgentName,
  folder: string,
  { home, space }: Surroundings,
  { overview }: ShownTexts,
): readonly Target[] {
  if (agent === "claude")
    return [{ kind: "file", path: join(folder, "rules", "slowwave.md"), text: overview }];
  if (agent === "gemini") {
    const extension = join(folder, "extensions", "slowwave");
    return [
      { kind: "file", path: join(extension, "MEMORY.md"), text: overview },
      {
        kind: "file",
        path: join(extension, "gemini-extension.json"),
        text: GEMINI_MANIFEST,
      },
    ];
  }
  // The projection itself is named, so that nothing of ours but its name stands in the person's file.
  const value = join(projectionsFolder(home, space), "all.md");
  return [
    { kind: "entry", path: openCodeConfig(folder), entries: [{ into: ["instructions"], name: null, value }] },
  ];
}

/** Claude Code reads skills of its own folder alone; the others read the one they share. */
function skillTarget(
  agent: AgentName,
  folder: string,
  { user }: Surroundings,
  { skill }: ShownTexts,
): Target {
  const skills = agent === "claude" ? join(folder, "skills") : join(user, ".agents", "skills");
  return { kind: "file", path: join(skills, "slowwave-memory", "SKILL.md"), text: skill };
}

function openCodeConfig(folder: string): string {
  const withComments = join(folder, "opencode.jsonc");
  return existsSync(withComments) ? withComments : join(folder, "opencode.json");
}

/** The events at which a session says that there is something to learn; the first answers with the memory. */
const EVENTS: Readonly<Partial<Record<AgentName, readonly string[]>>> = {
  claude: ["SessionStart", "Stop", "SessionEnd"],
  codex: ["SessionStart", "Stop", "SessionEnd"],
  gemini: ["SessionStart", "AfterAgent", "SessionEnd"],
};

function hookTarget(agent: AgentName, folder: string, around: Surroundings): Target {
  const command = commandLineOf([
    ...around.program,
    "hook",
    agent,
    "--home",
    around.home,
    // The folder, since the hook does not know how keys of spaces become names.
    ...(around.space === "global" ? [] : ["--projections", projectionsFolder(around.home, around.space)]),
  ]);
  const timeout = agent === "gemini" ? 10_000 : 10;
  const value = { hooks: [{ type: "command", command, timeout }] };
  const file = agent === "codex" ? "hooks.json" : "settings.json";
  const entries = (EVENTS[agent] ?? []).map((event) => ({ into: ["hooks", event], name: null, value }));
  return { kind: "entry", path: join(folder, file), entries };
}

function mcpTarget(agent: AgentName, folder: string, around: Surroundings): Target {
  const [command = "", ...rest] = around.program;
  const args = [
    ...rest,
    "mcp",
    "--home",
    around.home,
    ...(around.space === "global" ? [] : ["--space", around.space]),
  ];
  if (agent === "opencode") {
    const value = { type: "local", command: [command, ...args], enabled: true };
    return {
      kind: "entry",
      path: openCodeConfig(folder),
      entries: [{ into: ["mcp"], name: "slowwave", value }],
    };
  }
  const { env, user } = around;
  const configured = env.CLAUDE_CONFIG_DIR;
  const claude = configured !== undefined && isAbsolute(configured) ? configured : user;
  const path = agent === "claude" ? join(claude, ".claude.json") : join(folder, "settings.json");
  return {
    kind: "entry",
    path,
    entries: [{ into: ["mcpServers"], name: "slowwave", value: { command, args } }],
  };
}

/** For a shell: what holds more than plain characters is quoted. */
export function commandLineOf(
  words: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string {
  return words
    .map((word) => {
      if (/^[\w@%+=:,./-]+$/.test(word)) return word;
      return platform === "win32" ? `"${word.replaceAll('"', '\\"')}"` : `'${word.replaceAll("'", "'\\''")}'`;
    })
    .join(" ");
}
