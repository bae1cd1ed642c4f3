import type { SessionView } from "../../../src/server/api.ts";
import { moment } from "../text/duration.ts";

const AGENTS: Readonly<Record<string, string>> = {
  claude: "Claude Code",
  codex: "Codex",
  gemini: "Gemini CLI",
  opencode: "OpenCode",
};

export function agentName(agent: string): string {
  return AGENTS[agent] ?? agent;
}

/** What became of the session, with its time as this page writes times. */
export function sentenceOf({ sentence, at }: Pick<SessionView, "sentence" | "at">, nowMs: number): string {
  return at === null ? sentence : sentence.replace("{time}", moment(at, nowMs));
}
