import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CodexAgentOptions, codexAgent } from "../../src/agents/codex-agent.ts";
import type { AgentRunner, AgentSpec } from "../../src/domain/agent.ts";

const CHILD = fileURLToPath(new URL("./scripted-codex.child.ts", import.meta.url));

/** The Codex agent with a Codex of ours behind it. */
export function scriptedCodex(behaviour: string, options: CodexAgentOptions = {}): AgentRunner {
  return codexAgent({
    command: [process.execPath, "--experimental-strip-types", "--no-warnings", CHILD, behaviour],
    ...options,
  });
}

interface Heard {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: unknown;
  readonly error?: unknown;
}

/** Everything that Codex was sent, in order. */
export function heardBy(spec: AgentSpec): readonly Heard[] {
  const lines = readFileSync(join(spec.workspace, "..", "heard.ndjson"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Heard);
}
