import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Stage1Input } from "../domain/memory.ts";
import { extractNote, gatherEvidence } from "../extraction/index.ts";
import { listSessions, READERS, type SourceAgent } from "../transcripts/index.ts";
import type { Dataset } from "./generate.ts";

/**
 * The same sessions as their agents would have kept them, read and noted by the rules: what a memory made of transcripts
 * is worth. Four agents in turn; what a note calls a person's words is said by a person, the rest in the answers.
 */
export async function throughTranscripts(dataset: Dataset): Promise<Dataset> {
  const batches: Stage1Input[][] = [];
  for (const batch of dataset.batches) batches.push(await learned(batch));
  return { ...dataset, batches };
}

async function learned(batch: readonly Stage1Input[]): Promise<Stage1Input[]> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-eval-"));
  try {
    for (const record of batch) writeSession(home, record);
    const notes: Stage1Input[] = [];
    for await (const file of listSessions({ env: {}, home, platform: "linux" })) {
      const reader = READERS[file.agent];
      const extraction = extractNote(await reader.describe(file), await gatherEvidence(reader.read(file)));
      // The path in the home of the moment would differ in every run.
      if (extraction.kind === "note") notes.push({ ...extraction.note, rolloutPath: file.key });
    }
    return notes.sort(
      (a, b) => Number(a.sourceUpdatedAt) - Number(b.sourceUpdatedAt) || (a.threadId < b.threadId ? -1 : 1),
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

interface Turn {
  readonly speaker: "person" | "agent" | "command";
  readonly text: string;
}

/** A session that could have led to this note: an order, commands, an answer with what was learned, further wishes. */
function turnsOf({ rawMemory }: Stage1Input): readonly Turn[] {
  const body = rawMemory.replace(/^---\n[\s\S]*?\n---\n/, "");
  const title = /^#+ (?:Task \d+: )?(.+)$/m.exec(body)?.[1] ?? "Go on";
  const [spoken = "", references = ""] = body.split(/\n\nReferences:\n/);
  const wishes: string[] = [];
  const learned: string[] = [];
  for (const line of spoken.split("\n")) {
    const text = line.replace(/^- /, "").trim();
    const quoted = /^the user said: "(.*)"$/.exec(text)?.[1];
    if (quoted !== undefined) wishes.push(quoted);
    else if (text !== "" && !/^#|[:：]$/.test(text)) learned.push(text);
  }
  const commands = [...references.matchAll(/`([^`]+)`/g)].map(([, command = ""]) => command);
  return [
    { speaker: "person", text: `${title}.` },
    ...commands.map((text): Turn => ({ speaker: "command", text })),
    { speaker: "agent", text: learned.join("\n\n") },
    ...wishes.flatMap((text): Turn[] => [
      { speaker: "person", text },
      { speaker: "agent", text: "Done." },
    ]),
  ];
}

interface Session {
  readonly id: string;
  readonly cwd: string;
  readonly turns: readonly (Turn & { readonly at: string; readonly id: string })[];
}

const AGENTS: readonly SourceAgent[] = ["claude", "codex", "gemini", "opencode"];

function writeSession(home: string, record: Stage1Input): void {
  const turns = turnsOf(record);
  const end = Number(record.sourceUpdatedAt) * 1_000;
  const session: Session = {
    id: record.threadId,
    cwd: record.cwd ?? "",
    turns: turns.map((turn, at) => ({
      ...turn,
      at: new Date(end - (turns.length - 1 - at) * 1_000).toISOString(),
      id: String(at + 1).padStart(3, "0"),
    })),
  };
  // By the id, so that a session that goes on stays with its agent.
  const agent = AGENTS[Number.parseInt(record.threadId.slice(0, 2), 16) % AGENTS.length] ?? "claude";
  for (const [path, content] of Object.entries(LAYOUTS[agent](session))) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), content);
  }
}

/** Files below a home, by their paths. */
const LAYOUTS: Readonly<Record<SourceAgent, (session: Session) => Record<string, string>>> = {
  claude: ({ id, cwd, turns }) => {
    const lines = turns.flatMap(({ speaker, text, at, id: turn }) => {
      const line = (type: string, uuid: string, content: unknown) => ({
        ...{
          type,
          uuid,
          timestamp: at,
          sessionId: id,
          cwd,
          version: "2.1.328",
          entrypoint: "cli",
          isSidechain: false,
        },
        message: { id: uuid, role: type, content },
      });
      if (speaker === "person") return [line("user", turn, text)];
      if (speaker === "agent") return [line("assistant", turn, [{ type: "text", text }])];
      return [
        line("assistant", turn, [{ type: "tool_use", id: turn, name: "Bash", input: { command: text } }]),
        line("user", `${turn}r`, [{ type: "tool_result", tool_use_id: turn, content: "", is_error: false }]),
      ];
    });
    return { [`.claude/projects/eval/${id}.jsonl`]: jsonLines(lines) };
  },
  codex: ({ id, cwd, turns }) => {
    const lines = turns.flatMap(({ speaker, text, at, id: turn }) => {
      const line = (payload: object) => ({ timestamp: at, type: "response_item", payload });
      if (speaker === "command")
        return [
          line({
            type: "function_call",
            call_id: turn,
            name: "exec_command",
            arguments: JSON.stringify({ cmd: text }),
          }),
          line({
            type: "function_call_output",
            call_id: turn,
            output: "Process exited with code 0\nOutput:\n",
          }),
        ];
      return [
        line({ type: "message", role: speaker === "person" ? "user" : "assistant", content: [{ text }] }),
      ];
    });
    const meta = { type: "session_meta", payload: { id, cwd, cli_version: "0.169.0", source: "cli" } };
    return {
      [`.codex/sessions/2026/02/02/rollout-2026-02-02T09-00-00-${id}.jsonl`]: jsonLines([meta, ...lines]),
    };
  },
  gemini: ({ id, cwd, turns }) => {
    const lines = turns.map(({ speaker, text, at, id: turn }) => {
      if (speaker === "person") return { id: turn, timestamp: at, type: "user", content: [{ text }] };
      const toolCalls = [{ id: turn, name: "run_shell_command", args: { command: text }, status: "success" }];
      return {
        id: turn,
        timestamp: at,
        type: "gemini",
        ...(speaker === "agent" ? { content: text } : { content: "", toolCalls }),
      };
    });
    const head = { sessionId: id, projectHash: "0", startTime: turns[0]?.at, kind: "main" };
    return {
      [`.gemini/tmp/${id}/chats/session-2026-02-02T09-00-${id.slice(0, 8)}.jsonl`]: jsonLines([
        head,
        ...lines,
      ]),
      [`.gemini/tmp/${id}/.project_root`]: cwd,
    };
  },
  opencode: ({ id, cwd, turns }) => {
    const session = `ses_${id.replaceAll("-", "")}`;
    const storage = ".local/share/opencode/storage";
    const files: Record<string, string> = {
      [`${storage}/session/eval/${session}.json`]: JSON.stringify({
        id: session,
        directory: cwd,
        version: "1.18.33",
      }),
    };
    for (const { speaker, text, at, id: turn } of turns) {
      const message = `msg_${session}${turn}`;
      const time = { created: Date.parse(at) };
      const role = speaker === "person" ? "user" : "assistant";
      const state = { status: "completed", input: { command: text }, output: "", metadata: { exit: 0 } };
      const part =
        speaker === "command" ? { type: "tool", tool: "bash", callID: turn, state } : { type: "text", text };
      files[`${storage}/message/${session}/${message}.json`] = JSON.stringify({ id: message, role, time });
      files[`${storage}/part/${message}/prt_${turn}.json`] = JSON.stringify(part);
    }
    return files;
  },
};

function jsonLines(values: readonly object[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}
