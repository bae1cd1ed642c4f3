import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { AgentRunner } from "../../src/domain/agent.ts";
import type { LearnSettings } from "../../src/domain/phase1.ts";
import type { Store } from "../../src/domain/ports.ts";
import { createLearner, type Learner } from "../../src/engine/learner.ts";
import { extractNote, gatherEvidence } from "../../src/extraction/index.ts";
import type { Rules } from "../../src/learning/run-cache.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { READERS, type Surroundings } from "../../src/transcripts/index.ts";

/** A machine of its own: where agents keep their sessions, and a home of ours. */
export interface LearnWorld {
  readonly folder: string;
  readonly home: string;
  readonly surroundings: Surroundings;
  readonly store: Store;
  learner(options?: {
    agent?: AgentRunner;
    settings?: Partial<LearnSettings>;
    store?: Store;
    rules?: Rules;
  }): Learner;
  /** Writes a session of Claude Code, one record a line; its path. */
  claude(session: string, turns: readonly Turn[], some?: { cwd?: string; at?: number }): string;
  /** Puts one of the samples where its agent keeps it. */
  sample(name: keyof typeof SAMPLES): string;
  remove(): Promise<void>;
}

type Turn =
  | { readonly person: string }
  | { readonly answer: string }
  | { readonly run: string; readonly ok?: boolean; readonly gave?: string }
  | { readonly tool: string; readonly gave?: string };

const RULES: Rules = { gather: gatherEvidence, extract: extractNote };

const SAMPLES = {
  claude: [
    "claude-code-2.1.328-two-turns.jsonl",
    ".claude/projects/-home-dev-demo-shop/90e8fce3-061f-45ef-941c-431a103557b8.jsonl",
  ],
  codex: [
    "codex-0.169.0-two-turns.jsonl",
    ".codex/sessions/2026/11/27/rollout-2026-11-27T09-00-00-0199aaaa-0000-7000-8000-000000000001.jsonl",
  ],
  gemini: [
    "gemini-cli-0.61.0-resumed.jsonl",
    ".gemini/tmp/demo-shop/chats/session-2026-11-27T09-00-aaaa0001.jsonl",
  ],
} as const;

/** When sessions of this world were held: at rest, and not too old. */
export const SAID_AT = Math.floor(Date.now() / 1000) * 1000 - 10 * 86_400_000;

export function learnWorld(store: Store = openMemoryStore()): LearnWorld {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-learn-")));
  const home = join(folder, "state");
  const surroundings: Surroundings = { env: { PATH: process.env.PATH }, home: folder, platform: "linux" };
  const learners: Learner[] = [];
  function put(path: string, text: string): string {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    return target;
  }
  return {
    folder,
    home,
    surroundings,
    store,
    learner: ({ agent, settings = {}, store: other = store, rules = RULES } = {}) => {
      const learner = createLearner({
        store: other,
        home,
        readers: READERS,
        rules,
        surroundings,
        settings: { maxAgeDays: null, ...settings },
        ...(agent === undefined ? {} : { agent }),
      });
      learners.push(learner);
      return learner;
    },
    claude: (session, turns, { cwd = "/home/dev/demo-shop", at = SAID_AT } = {}) =>
      put(`.claude/projects/-home-dev-demo-shop/${session}.jsonl`, claudeLines(session, turns, { cwd, at })),
    sample: (name) => {
      const [from, to] = SAMPLES[name];
      const target = put(to, "");
      cpSync(join(import.meta.dirname, "../../samples/sessions", from), target);
      if (name === "gemini") put(".gemini/tmp/demo-shop/.project_root", "/home/dev/demo-shop");
      return target;
    },
    remove: async () => {
      for (const learner of learners) await learner.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What Claude Code writes of a session, cut down to what says something. */
export function claudeLines(
  sessionId: string,
  turns: readonly Turn[],
  { cwd, at }: { readonly cwd: string; readonly at: number },
): string {
  let parentUuid: string | null = null;
  let count = 0;
  const line = (type: "user" | "assistant", content: unknown) => {
    count += 1;
    const uuid = `${sessionId.slice(0, 24)}${String((at % 1_000_000_000) + count).padStart(12, "0")}`;
    const timestamp = new Date(at + count * 1000).toISOString();
    const told = { parentUuid, isSidechain: false, userType: "external", cwd, sessionId, version: "2.1.328" };
    const record = { ...told, gitBranch: "main", type, message: { role: type, content }, uuid, timestamp };
    parentUuid = uuid;
    return JSON.stringify(record);
  };
  const lines = turns.flatMap((turn) => {
    if ("person" in turn) return [line("user", turn.person)];
    if ("answer" in turn) return [line("assistant", [{ type: "text", text: turn.answer }])];
    const id = `toolu_${count}`;
    const { gave = "" } = turn;
    const { ok = true } = "run" in turn ? turn : {};
    const called =
      "run" in turn ? { name: "Bash", input: { command: turn.run } } : { name: turn.tool, input: {} };
    return [
      line("assistant", [{ type: "tool_use", id, ...called }]),
      line("user", [{ type: "tool_result", tool_use_id: id, content: gave, is_error: !ok }]),
    ];
  });
  return `${lines.join("\n")}\n`;
}

export const ID = (n: number) => `2b1c0000-0000-4000-8000-${String(n).padStart(12, "0")}`;

export const SHOP: readonly Turn[] = [
  { person: "The tests of the cart fail. Always run npm test before you say that something works." },
  { run: "npm test", ok: false, gave: "1 failed" },
  { run: "npm test -- --run", ok: true, gave: "12 passed" },
  { answer: "The cart rounds prices half up now, and all 12 tests pass." },
];
