import type { AnyMessage, ClientConnection, RequestError, Stream } from "@agentclientprotocol/sdk";
import type { AgentSpec } from "../../domain/agent.ts";
import { answersWithin } from "../../domain/clock.ts";
import { plainText } from "../../text/sanitize.ts";
import {
  type Conversation,
  type ConverseOptions,
  converse,
  type Line,
  type Listener,
} from "../conversation.ts";
import {
  type ConfigOption,
  initializeAnswer,
  type PermissionRequest,
  permissionRequest,
  type SessionAnswer,
  sessionAnswer,
} from "./messages.ts";
import type { PermissionOutcome } from "./permission.ts";

export interface AcpConnectOptions extends Omit<ConverseOptions<AcpListener>, "listener"> {
  onUpdate(params: unknown): void;
  onPermission(request: PermissionRequest): Promise<PermissionOutcome>;
}

/** A running ACP agent. */
export interface AcpConnection
  extends Pick<Conversation, "gone" | "close" | "kill" | "freeze" | "thaw" | "lastOutputMs"> {
  /** Rejects with a sentence: a refusal, no answer in time (null = it may take as long as it likes), its end. */
  ask(method: string, params: unknown, patienceMs: number | null): Promise<unknown>;
  notify(method: string, params: unknown): void;
}

interface AcpListener extends Listener {
  readonly connection: ClientConnection;
}

type Sdk = typeof import("@agentclientprotocol/sdk");

export async function connectAcp(options: AcpConnectOptions): Promise<AcpConnection> {
  // 0.1 s to load, which no other command should pay.
  const sdk = await import("@agentclientprotocol/sdk");
  const agent = await converse({ ...options, listener: (line) => listenerOf(sdk, line, options) });
  const { connection } = agent.listener;
  const { title, clock } = options;
  return {
    ask(method, params, patienceMs) {
      const answer = connection.agent.request(method, params).catch((error: unknown) => {
        throw refusal(sdk, title, method, error);
      });
      return answersWithin(
        clock,
        patienceMs,
        answer,
        () => new Error(`${title} did not answer "${method}" within ${(patienceMs ?? 0) / 1000} s`),
      );
    },
    notify(method, params) {
      connection.agent.notify(method, params).catch(() => {});
    },
    gone: agent.gone,
    close: agent.close,
    kill: agent.kill,
    freeze: agent.freeze,
    thaw: agent.thaw,
    lastOutputMs: agent.lastOutputMs,
  };
}

function listenerOf(sdk: Sdk, line: Line, { onUpdate, onPermission }: AcpConnectOptions): AcpListener {
  const { update, requestPermission } = sdk.methods.client.session;
  const transport = createTransport({
    line,
    onNotice: (method, params) => method === update && onUpdate(params),
  });
  // What else it asks for, files and terminals above all, the SDK refuses.
  const connection = sdk
    .client({ name: "slowwave" })
    .onRequest(requestPermission, permissionRequest, async ({ params }) => ({
      outcome: await onPermission(params),
    }))
    .connect(transport.stream);
  return {
    connection,
    onLine: transport.onLine,
    hangUp(why) {
      transport.close();
      connection.close(why);
    },
  };
}

function refusal({ RequestError }: Sdk, title: string, method: string, error: unknown): Error {
  if (!(error instanceof RequestError)) return error instanceof Error ? error : new Error(String(error));
  return new Error(`${title} refused "${method}": ${plainText(error.message, 400)}${kindOf(error)}`, {
    cause: error,
  });
}

/** Agents put the kind of a failure beside their message, each under a name of its own. */
function kindOf({ code, data }: RequestError): string {
  const { errorName, errorKind, details, message } = (
    typeof data === "object" && data !== null ? data : {}
  ) as Record<string, unknown>;
  const reasons = [errorName, errorKind, details, message].filter((word) => typeof word === "string");
  return reasons.length === 0 ? ` (${code})` : ` (${plainText(reasons.join(", "), 300)})`;
}

export interface TransportOptions {
  readonly line: Line;
  /** In the order in which they come, and before any answer that comes after them. */
  onNotice(method: string, params: unknown): void;
}

/** Lines of an agent as the stream that the SDK reads, with nothing in it that the SDK would trip over. */
export interface Transport {
  readonly stream: Stream;
  onLine(line: string): void;
  close(): void;
}

/** An agent asks for permission now and then; one that asks on and on is ended. */
const MOST_REQUESTS = 1_000;
/** Programs print a word now and then where only messages belong. */
const MOST_STRAY = 20;

function createTransport({ line, onNotice }: TransportOptions): Transport {
  const open = new Set<unknown>();
  const answered = new Set<unknown>();
  let requests = 0;
  let stray = 0;
  let isOver = false;
  let input: ReadableStreamDefaultController<AnyMessage> | null = null;

  const readable = new ReadableStream<AnyMessage>({
    start(controller) {
      input = controller;
    },
  });
  const writable = new WritableStream<AnyMessage>({
    write(message) {
      if ("method" in message && "id" in message) open.add(message.id);
      line.send(JSON.stringify(message));
    },
  });

  function breach(why: string): void {
    isOver = true;
    line.breach(why);
  }

  function onAnswer(message: AnyMessage, id: unknown): void {
    if (open.delete(id)) {
      answered.add(id);
      input?.enqueue(message);
    } else if (!answered.has(id)) {
      breach(`it answered a question that was not asked (${plainText(String(JSON.stringify(id)), 60)})`);
    }
  }

  return {
    stream: { readable, writable },
    onLine(text) {
      if (isOver) return;
      const message = parsed(text);
      if (message === null) {
        const why = misshapen(text);
        if (why !== null) return breach(why);
        stray += 1;
        if (stray > MOST_STRAY) {
          breach(`it wrote more than ${MOST_STRAY} lines that are no messages: ${plainText(text, 200)}`);
        }
      } else if (!("method" in message)) {
        onAnswer(message, message.id);
      } else if (!("id" in message)) {
        onNotice(message.method, message.params);
      } else {
        requests += 1;
        if (requests > MOST_REQUESTS) breach(`it asked more than ${MOST_REQUESTS} times`);
        else input?.enqueue(message);
      }
    },
    close() {
      isOver = true;
    },
  };
}

/**
 * Who writes messages in another shape will never be understood, so waiting for an answer is idle. Null for a line that
 * is no attempt at a message.
 */
function misshapen(text: string): string | null {
  const line = text.trim();
  if (/^\[\s*(?:\{|$)/.test(line))
    return "it wrote several messages in one list; each belongs on a line of its own";
  const isWhole = /^\{.*\}$/.test(line);
  if (isWhole || !/^\{\s*(?:$|"(?:jsonrpc|id|method|result|params)")/.test(line)) return null;
  return `it wrote a message over several lines, or half of one: ${plainText(line, 200)}`;
}

/** Null for a line that is neither a question, a notice nor an answer. */
function parsed(text: string): AnyMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    if ("method" in value) return typeof value.method === "string" ? (value as AnyMessage) : null;
    // Without an id it answers a line of ours that it did not understand.
    return "id" in value && value.id !== null ? (value as AnyMessage) : null;
  } catch {
    return null;
  }
}

export interface OpenSessionOptions {
  readonly agent: AcpConnection;
  readonly spec: AgentSpec;
  readonly title: string;
  readonly patienceMs: number;
  /** The mode to work in, where the agent has modes and knows this one. */
  readonly mode: string | null;
}

const PROTOCOL = 1;
/** As many models as a sentence may name. */
const NAMED = 12;

/** Greets the agent and opens a session in the workspace, with the model that was asked for. Answers with its id. */
export async function openSession(options: OpenSessionOptions): Promise<string> {
  const { agent, spec, title, patienceMs, mode } = options;
  const hello = initializeAnswer.safeParse(
    await agent.ask(
      "initialize",
      {
        protocolVersion: PROTOCOL,
        // It reads and writes by itself, where the sandbox lets it.
        clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
        clientInfo: { name: "slowwave", title: "Slowwave", version: "1" },
      },
      patienceMs,
    ),
  );
  if (!hello.success) throw new Error(`${title} gave an answer to "initialize" that is not understood`);
  if (hello.data.protocolVersion !== PROTOCOL) {
    throw new Error(`${title} speaks version ${hello.data.protocolVersion} of the protocol, not ${PROTOCOL}`);
  }
  const answer = await agent.ask("session/new", { cwd: spec.workspace, mcpServers: [] }, patienceMs);
  const session = sessionAnswer.safeParse(answer);
  if (!session.success) throw new Error(`${title} gave an answer to "session/new" that is not understood`);
  const { sessionId, modes } = session.data;
  const isKnown = modes?.availableModes.some(({ id }) => id === mode) ?? false;
  if (mode !== null && isKnown && modes?.currentModeId !== mode) {
    await agent.ask("session/set_mode", { sessionId, modeId: mode }, patienceMs);
  }
  if (spec.model !== null) await chooseModel(options, session.data, spec.model);
  if (spec.effort !== null) await chooseEffort(options, session.data, spec.effort);
  return sessionId;
}

/** Few agents offer it, each in its own words: one that does not know this word goes on as it is set. */
async function chooseEffort(
  { agent, patienceMs }: OpenSessionOptions,
  { sessionId, configOptions }: SessionAnswer,
  effort: string,
): Promise<void> {
  const option = configOptions?.find(({ category }) => category === "thought_level");
  const isOffered = option !== undefined && choicesOf(option).some(({ value }) => value === effort);
  if (!isOffered || option.currentValue === effort) return;
  await agent.ask("session/set_config_option", { sessionId, configId: option.id, value: effort }, patienceMs);
}

function choicesOf({ options }: ConfigOption) {
  return (options ?? []).flatMap((one) => ("options" in one ? one.options : [one]));
}

/** By the option that the agent offers for it, or by the older request. */
async function chooseModel(
  { agent, title, patienceMs }: OpenSessionOptions,
  { sessionId, configOptions, models }: SessionAnswer,
  model: string,
): Promise<void> {
  const option = configOptions?.find(({ category }) => category === "model");
  if (option !== undefined) {
    const offered = choicesOf(option);
    const found = offered.find(({ value, name }) => value === model || name === model);
    if (found === undefined)
      throw unknown(
        title,
        model,
        offered.map(({ value }) => value),
      );
    if (found.value === option.currentValue) return;
    await agent.ask(
      "session/set_config_option",
      { sessionId, configId: option.id, value: found.value },
      patienceMs,
    );
  } else if (models != null) {
    const ids = models.availableModels.map(({ modelId }) => modelId);
    if (!ids.includes(model)) throw unknown(title, model, ids);
    await agent.ask("session/set_model", { sessionId, modelId: model }, patienceMs);
  } else {
    throw new Error(
      `${title} can't be told which model to take; leave "${model}" away and set it in its own settings`,
    );
  }
}

function unknown(title: string, model: string, offered: readonly string[]): Error {
  const rest = offered.length > NAMED ? `, and ${offered.length - NAMED} more` : "";
  return new Error(
    `${title} has no model "${model}"; it offers ${offered.slice(0, NAMED).join(", ")}${rest}`,
  );
}
