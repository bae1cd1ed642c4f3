/**
 * An agent that people have and that speaks ACP: how it is started, and what of the person's it gets to see.
 * Seen with the versions in `docs/agents.md`.
 */
export interface AcpPreset {
  /** As it is called in sentences. */
  readonly title: string;
  readonly program: string;
  readonly npmPackage: string;
  readonly args: readonly string[];
  /** What to do where it is missing, and how to log in; sentences. */
  readonly install: string;
  /** Names of variables handed through: its keys, and where its model is. */
  readonly environment: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  /** Of a variable that gets what nobody can guess. */
  readonly secret?: string;
  /** The mode in which it asks before it acts, where it has modes. */
  readonly mode: string | null;
  /** Laid into its private home before each start; it sees nothing else of the person's. */
  readonly files: readonly SeenFile[];
  /** It has a sandbox of its own for its commands, inside ours. */
  readonly nested?: boolean;
}

/** One file of the person's configuration, copied. */
export interface SeenFile {
  /** Where it may lie: `$NAME` at the front is a variable, `~` the person's home. The first that is there. */
  readonly from: readonly string[];
  /** Below the private home. */
  readonly to: string;
  /** Which of its keys (top-level keys of JSON, which may have comments; keys and tables of TOML); null = the whole file. */
  readonly keys: readonly string[] | null;
  /** Keys of ours, which win. Given, the file is made where there is none. */
  readonly ours?: Readonly<Record<string, unknown>>;
}

/** What every agent may need to find its way out. */
export const COMMON_ENVIRONMENT: readonly string[] = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"],
];

const claude: AcpPreset = {
  title: "Claude Code",
  program: "claude-agent-acp",
  npmPackage: "@agentclientprotocol/claude-agent-acp",
  args: [],
  install:
    "Install it with `npm install -g @agentclientprotocol/claude-agent-acp`; it uses your login of Claude Code, or ANTHROPIC_API_KEY",
  environment: [
    ...["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"],
    ...["ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "CLAUDE_CODE_OAUTH_TOKEN"],
  ],
  set: {
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "3",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_TELEMETRY: "1",
  },
  mode: "default",
  files: [
    {
      from: ["$CLAUDE_CONFIG_DIR/.credentials.json", "~/.claude/.credentials.json"],
      to: ".claude/.credentials.json",
      keys: null,
    },
  ],
};

const gemini: AcpPreset = {
  title: "Gemini CLI",
  program: "gemini",
  npmPackage: "@google/gemini-cli",
  args: ["--acp"],
  install:
    "Install it with `npm install -g @google/gemini-cli`, then run `gemini` to log in, or set GEMINI_API_KEY",
  environment: [
    ...["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GEMINI_MODEL"],
    ...["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"],
  ],
  // Else a wrapper process stands before it, which ignores SIGTERM.
  set: { GEMINI_CLI_NO_RELAUNCH: "true" },
  mode: "default",
  files: [
    { from: ["~/.gemini/oauth_creds.json"], to: ".gemini/oauth_creds.json", keys: null },
    { from: ["~/.gemini/google_accounts.json"], to: ".gemini/google_accounts.json", keys: null },
    {
      from: ["~/.gemini/settings.json"],
      to: ".gemini/settings.json",
      keys: ["security", "selectedAuthType", "model"],
      ours: {
        general: { disableAutoUpdate: true, enableAutoUpdate: false, maxAttempts: 3 },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
      },
    },
  ],
};

const opencode: AcpPreset = {
  title: "OpenCode",
  program: "opencode",
  npmPackage: "opencode-ai",
  args: ["acp"],
  install: "Install it with `npm install -g opencode-ai`, then run `opencode auth login`",
  environment: [
    ...["OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"],
    ...["GOOGLE_GENERATIVE_AI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "DEEPSEEK_API_KEY", "XAI_API_KEY"],
    ...["OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_DEFAULT_PLUGINS"],
  ],
  set: { OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_LSP_DOWNLOAD: "1" },
  // It opens a port on loopback, by which any local process could drive it.
  secret: "OPENCODE_SERVER_PASSWORD",
  mode: null,
  files: [
    {
      from: ["$XDG_DATA_HOME/opencode/auth.json", "~/.local/share/opencode/auth.json"],
      to: ".local/share/opencode/auth.json",
      keys: null,
    },
    {
      from: ["$XDG_CONFIG_HOME", "~/.config"].flatMap((folder) => [
        `${folder}/opencode/opencode.json`,
        `${folder}/opencode/opencode.jsonc`,
      ]),
      to: ".config/opencode/opencode.json",
      keys: ["$schema", "model", "small_model", "provider", "enabled_providers", "disabled_providers"],
      ours: {
        autoupdate: false,
        share: "disabled",
        permission: { edit: "ask", bash: "ask", webfetch: "deny", external_directory: "ask" },
      },
    },
  ],
};

const codexAcp: AcpPreset = {
  title: "Codex by ACP",
  program: "codex-acp",
  npmPackage: "@agentclientprotocol/codex-acp",
  args: [],
  install: "Install it with `npm install -g @agentclientprotocol/codex-acp`, then run `codex login`",
  environment: [
    ...["CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT"],
    "CODEX_CA_CERTIFICATE",
  ],
  // In its default mode a second model decides instead of asking.
  set: { INITIAL_AGENT_MODE: "workspace-write", NO_BROWSER: "1" },
  mode: null,
  files: [
    { from: ["$CODEX_HOME/auth.json", "~/.codex/auth.json"], to: ".codex/auth.json", keys: null },
    {
      from: ["$CODEX_HOME/config.toml", "~/.codex/config.toml"],
      to: ".codex/config.toml",
      keys: [
        ...["model", "model_provider", "model_providers", "model_reasoning_effort", "model_context_window"],
        ...["openai_base_url", "chatgpt_base_url", "forced_login_method", "cli_auth_credentials_store"],
      ],
      ours: {
        sandbox_mode: "workspace-write",
        approval_policy: "never",
        web_search: "disabled",
        project_doc_max_bytes: 0,
        "features.memories": false,
        "features.apps": false,
        "features.plugins": false,
        "features.hooks": false,
      },
    },
  ],
  nested: true,
};

export const ACP_PRESETS = { claude, gemini, opencode, "codex-acp": codexAcp } as const;

export type AcpPresetName = keyof typeof ACP_PRESETS;
