import type { AgentSpec } from "../../domain/agent.ts";
import type { AcpConnection } from "./connection.ts";
import { type ConfigOption, initializeAnswer, type SessionAnswer, sessionAnswer } from "./messages.ts";

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
