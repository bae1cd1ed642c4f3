import { z } from "zod";
import type { AgentSpec } from "../../domain/agent.ts";
import { answersWithin, type Clock } from "../../domain/clock.ts";
import { plainText } from "../../text/sanitize.ts";
import { type Conversation, type ConverseOptions, converse } from "../conversation.ts";

export interface ConnectOptions
  extends Omit<ConverseOptions<Peer>, "agent" | "title" | "closeMs" | "listener"> {
  /** For one answer. */
  readonly patienceMs: number;
  onNotice(method: string, params: unknown): void;
}

/** A running `codex app-server`. */
export interface Connection
  extends Pick<Peer, "ask" | "notify">,
    Pick<Conversation, "gone" | "close" | "kill" | "look" | "freeze" | "thaw" | "lastOutputMs"> {}

export async function connectCodex(options: ConnectOptions): Promise<Connection> {
  const { clock, patienceMs, graceMs, onNotice } = options;
  const codex = await converse({
    ...options,
    agent: "codex",
    title: "Codex",
    closeMs: graceMs,
    listener: ({ send, breach }) => createPeer({ clock, patienceMs, onNotice, send, onBreach: breach }),
  });
  const { ask, notify } = codex.listener;
  const { gone, close, kill, look, freeze, thaw, lastOutputMs } = codex;
  return { ask, notify, gone, close, kill, look, freeze, thaw, lastOutputMs };
}

export interface PeerOptions {
  readonly clock: Clock;
  /** For one answer. */
  readonly patienceMs: number;
  send(line: string): void;
  onNotice(method: string, params: unknown): void;
  /** The other side broke the protocol; nothing more is heard from it. Called once. */
  onBreach(why: string): void;
}

/** One side of the JSON-RPC that Codex speaks: one message per line, no version field. */
export interface Peer {
  /** Rejects with what went wrong: a refusal, no answer in time, a connection that ended. */
  ask(method: string, params: unknown): Promise<unknown>;
  notify(method: string): void;
  onLine(line: string): void;
  /** Open questions, and all later ones, end with this. */
  hangUp(why: Error): void;
}

interface Question {
  answer(message: Message): void;
  fail(why: Error): void;
}

type Message = Readonly<Record<"id" | "method" | "params" | "result" | "error", unknown>>;

/** It asks for nothing when its approvals are `never`; one that asks on and on is ended. */
const MOST_REQUESTS = 100;
const REFUSED = { code: -32601, message: "This client grants nothing: go on without it." };

export function createPeer({ clock, patienceMs, send, onNotice, onBreach }: PeerOptions): Peer {
  const open = new Map<number, Question>();
  let asked = 0;
  let requests = 0;
  let over: Error | null = null;

  function take(id: unknown): Question | null {
    const question = open.get(id as number) ?? null;
    open.delete(id as number);
    return question;
  }

  function breach(why: string): void {
    hangUp(new Error(`Codex was ended: ${why}`));
    onBreach(why);
  }

  function refuse(id: unknown): void {
    requests += 1;
    if (requests > MOST_REQUESTS) breach(`it asked for permission more than ${MOST_REQUESTS} times`);
    else send(JSON.stringify({ id, error: REFUSED }));
  }

  function onAnswer(message: Message): void {
    const { id } = message;
    if (Number.isInteger(id) && (id as number) >= 1 && (id as number) <= asked) {
      // Null: it answered twice, or too late.
      take(id)?.answer(message);
    } else {
      breach(`it answered a question that was not asked (${plainText(String(JSON.stringify(id)), 60)})`);
    }
  }

  function hangUp(why: Error): void {
    over ??= why;
    for (const id of [...open.keys()]) take(id)?.fail(over);
  }

  return {
    ask(method, params) {
      if (over !== null) return Promise.reject(over);
      asked += 1;
      const id = asked;
      const answered = new Promise<unknown>((resolve, reject) => {
        const answer = ({ error, result }: Message) =>
          error === undefined
            ? resolve(result)
            : reject(new Error(`Codex refused "${method}": ${messageOf(error)}`));
        open.set(id, { answer, fail: reject });
        send(JSON.stringify({ id, method, params }));
      });
      return answersWithin(clock, patienceMs, answered, () => {
        take(id);
        return new Error(`Codex did not answer "${method}" within ${patienceMs / 1000} s`);
      });
    },
    notify(method) {
      if (over === null) send(JSON.stringify({ method }));
    },
    onLine(line) {
      if (over !== null) return;
      const message = parsed(line);
      if (message === null) return breach(`it wrote a line that is no message: ${plainText(line, 200)}`);
      const { id, method, params } = message;
      if (typeof method !== "string") onAnswer(message);
      else if (id === undefined) onNotice(method, params);
      else refuse(id);
    },
    hangUp,
  };
}

/** Null for a line that is neither a question, a notice nor an answer. */
function parsed(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return "method" in value || "id" in value ? (value as Message) : null;
  } catch {
    return null;
  }
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { readonly message?: unknown };
  return plainText(typeof message === "string" ? message : JSON.stringify(error), 400);
}

/**
 * Tells the whole patch again with each change of it, and nothing of it is used. The pieces in which messages and
 * outputs come are not used either, but they are signs of life: a long message may take longer than silence may last.
 */
const UNHEARD = ["turn/diff/updated"];

const configAnswer = z.object({
  config: z.object({ mcp_servers: z.record(z.string(), z.unknown()).nullish() }),
});
const threadAnswer = z.object({
  thread: z.object({ id: z.string().min(1), ephemeral: z.literal(true) }),
  approvalPolicy: z.literal("never"),
});
const turnAnswer = z.object({ turn: z.object({ id: z.string() }) });

/**
 * Greets Codex and opens a thread that leaves no trace in its home: no row, no memory made or used, no tool
 * beside its own shell and patches. Answers with the thread's id.
 */
export async function openThread(codex: Connection, spec: AgentSpec): Promise<string> {
  await codex.ask("initialize", {
    clientInfo: { name: "slowwave", title: "Slowwave", version: "1" },
    capabilities: { experimentalApi: true, requestAttestation: false, optOutNotificationMethods: UNHEARD },
  });
  codex.notify("initialized");
  const { config } = understood(configAnswer, await codex.ask("config/read", { includeLayers: false }));
  const answer = await codex.ask("thread/start", {
    cwd: spec.workspace,
    sandbox: "workspace-write",
    approvalPolicy: spec.approvals,
    ephemeral: true,
    model: spec.model,
    config: lockedDown(spec, Object.keys(config.mcp_servers ?? {})),
  });
  const { data } = threadAnswer.safeParse(answer);
  if (data !== undefined) return data.thread.id;
  throw new Error("Codex did not open an ephemeral thread without approvals; use version 0.169.0 or later");
}

function lockedDown({ key }: AgentSpec, servers: readonly string[]) {
  return {
    "features.memories": false,
    "memories.use_memories": false,
    "memories.generate_memories": false,
    "features.goals": false,
    "features.multi_agent": false,
    "features.apps": false,
    "features.plugins": false,
    "features.hooks": false,
    web_search: "disabled",
    // The person's own tools run outside the sandbox, and their program hears of turns, not of ours.
    mcp_servers: Object.fromEntries(servers.map((name) => [name, { enabled: false }])),
    notify: [],
    // What lies in the workspace is data, an AGENTS.md too.
    project_doc_max_bytes: 0,
    // Commands see no key of ours, but bear the mark by which they are found again.
    shell_environment_policy: { inherit: "core", set: { SLOWWAVE_RUN: key } },
  };
}

/** Starts a turn and answers with its id. The policy of the turn is what closes the temporary folders. */
export async function startTurn(
  codex: Connection,
  threadId: string,
  spec: AgentSpec,
  text: string,
): Promise<string> {
  const answer = await codex.ask("turn/start", {
    threadId,
    input: [{ type: "text", text, text_elements: [] }],
    cwd: spec.workspace,
    approvalPolicy: spec.approvals,
    ...(spec.effort === null ? {} : { effort: spec.effort }),
    sandboxPolicy: {
      type: "workspaceWrite",
      writableRoots: [spec.workspace],
      networkAccess: false,
      excludeTmpdirEnvVar: true,
      excludeSlashTmp: true,
    },
  });
  return understood(turnAnswer, answer).turn.id;
}

/** Adds a word to the turn under way. Rejects when that turn is over. */
export async function steerTurn(
  codex: Connection,
  { threadId, turnId }: { readonly threadId: string; readonly turnId: string },
  text: string,
): Promise<void> {
  await codex.ask("turn/steer", {
    threadId,
    expectedTurnId: turnId,
    input: [{ type: "text", text, text_elements: [] }],
  });
}

/** The validator's own words are for programmers. */
function understood<T>(schema: z.ZodType<T>, answer: unknown): T {
  const found = schema.safeParse(answer);
  if (found.success) return found.data;
  throw new Error("Codex gave an answer that is not understood; use version 0.169.0 or later");
}
