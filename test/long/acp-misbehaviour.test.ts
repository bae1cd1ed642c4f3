import { lastValueFrom } from "rxjs";
import { describe, expect, test } from "vitest";
import type { AcpAgentOptions } from "../../src/agents/acp-agent.ts";
import type { AgentEvent } from "../../src/domain/agent.ts";
import { causeOf } from "../../src/domain/failure.ts";
import { agentPlace, allOf, bearersOf, expectNoneLeft, firstFinal } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { scriptedAcp } from "../agents/scripted-acp.ts";

/**
 * What an ACP agent can do wrong. Each has one named outcome; that it comes in bounded time is what the test's own
 * time limit says, and that no process is left is checked after each.
 */
expectNoneLeft();

const PROMPT = { patienceMs: 300, graceMs: 300, closeMs: 300 } as const;
const SMALL = { limits: { maxLineBytes: 2 ** 20, maxOutputBytes: 2 ** 24 } } as const;
const DONE: AgentEvent = { type: "agent.completed", message: "turn 1 done" };

describe("before there is a session, nothing is started and the cause is named", () => {
  const misdeeds: readonly (readonly [string, string | RegExp, AcpAgentOptions])[] = [
    ["mute at initialize", 'The agent did not answer "initialize" within 0.3 s', PROMPT],
    ["mute at session/new", /did not answer "(initialize|session\/new)" within 0.3 s/, PROMPT],
    ["dies at initialize", "The agent exited with code 101: panicked at initialize", {}],
    ["dies at session/new", "The agent exited with code 101: panicked at session/new", {}],
    ["refuses initialize", 'The agent refused "initialize": Authentication required (auth)', {}],
    ["refuses session/new", 'The agent refused "session/new": Authentication required (auth)', {}],
    ["garbles initialize", 'The agent gave an answer to "initialize" that is not understood', {}],
    ["garbles session/new", 'The agent gave an answer to "session/new" that is not understood', {}],
    ["speaks another version", "The agent speaks version 7 of the protocol, not 1", {}],
    ["wrong id at initialize", "The agent was ended: it answered a question that was not asked (1000)", {}],
  ];

  test.each(misdeeds)("%s", async (behaviour, cause, options) => {
    const { spec } = agentPlace();
    const failure = await scriptedAcp(behaviour, options)
      .spawn(spec, realClock)
      .then(
        () => null,
        (error: unknown) => error,
      );
    expect(failure).toMatchObject({ code: "agent_not_started", cause: expect.any(Error) });
    const why = causeOf(((failure as Error).cause as Error).message);
    if (typeof cause === "string") expect(why).toBe(cause);
    else expect(why).toMatch(cause);
    expect(bearersOf(spec.key)).toEqual([]);
  });
});

describe("in its turn", () => {
  const misdeeds: readonly (readonly [string, AgentEvent, AcpAgentOptions])[] = [
    ["dies at session/prompt", errored("The agent exited with code 101: panicked at session/prompt"), {}],
    ["dies in its turn", errored("The agent exited with code 9: killed by the weather"), {}],
    ["exits 0 in its turn", errored("The agent exited with code 0"), {}],
    ["dies by a signal", errored("The agent was ended by SIGSEGV"), {}],
    ["closes its stdout", errored("The agent was ended: it closed its standard output"), {}],
    ["nests without end", errored("The agent was ended: it wrote a line that can't be understood"), {}],
    ["greets on its stdout", DONE, {}],
    ["begins with a byte order mark", DONE, {}],
    ["answers without a line end and exits", errored("The agent exited with code 0"), {}],
    [
      "answers in a batch",
      errored(
        "The agent was ended: it wrote several messages in one list; each belongs on a line of its own",
      ),
      {},
    ],
    [
      "answers over several lines",
      errored("The agent was ended: it wrote a message over several lines, or half of one: {"),
      {},
    ],
    [
      "answers with half a message",
      errored(
        'The agent was ended: it wrote a message over several lines, or half of one: {"jsonrpc":"2.0","id":2,"result":',
      ),
      {},
    ],
    [
      "writes what is no JSON",
      errored("The agent was ended: it wrote more than 20 lines that are no messages: Welcome! {"),
      {},
    ],
    [
      "answers what was not asked",
      errored("The agent was ended: it answered a question that was not asked (999)"),
      {},
    ],
    [
      "answers with a text for an id",
      errored('The agent was ended: it answered a question that was not asked ("one")'),
      {},
    ],
    ["answers twice", DONE, {}],
    ["completes twice", DONE, {}],
    ["speaks of another session", DONE, {}],
    ["asks without end", errored("The agent was ended: it asked more than 1000 times"), {}],
    ["thinks without end", errored("The agent was ended: it wrote more than 16 MiB of output"), SMALL],
    ["writes a line without end", errored("The agent was ended: it wrote a line longer than 8 MiB"), {}],
    ["floods its stderr", errored("The agent was ended: it flooded its standard error"), SMALL],
    ["keeps its stdio open", DONE, {}],
    ["writes strange updates", DONE, {}],
    ["completes without writing", { type: "agent.completed", message: null }, {}],
  ];

  test.each(misdeeds)("%s", async (behaviour, ends, options) => {
    const { spec } = agentPlace();
    const before = process.memoryUsage().rss;
    const handle = await scriptedAcp(behaviour, options).spawn(spec, realClock);
    const last = await firstFinal(handle.events$);
    await handle.close();
    await lastValueFrom(handle.events$);
    const events = await allOf(handle);
    expect(last).toEqual(ends);
    expect(events.at(-1)).toEqual(ends);
    expect(events.filter(({ type }) => type === ends.type)).toHaveLength(1);
    expect(events.length).toBeLessThan(500);
    expect(bearersOf(spec.key)).toEqual([]);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200);
  });
});

describe("when it is to stop", () => {
  const stubborn = ["hangs after cancel", "mute at session/prompt", "ignores SIGTERM"];

  test.each(stubborn)("interrupt ends one that %s", async (behaviour) => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp(behaviour, { graceMs: 300, closeMs: 300 }).spawn(spec, realClock);
    await handle.interrupt();
    expect(await firstFinal(handle.events$)).toEqual({ type: "agent.interrupted" });
    await handle.close();
    expect(bearersOf(spec.key)).toEqual([]);
  });

  const stayers = ["stays when its stdin closes", "closes its stdout", "ignores SIGTERM"];

  test.each(stayers)("close ends one that %s", async (behaviour) => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp(behaviour, { graceMs: 300, closeMs: 300 }).spawn(spec, realClock);
    await handle.close();
    expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
    expect(bearersOf(spec.key)).toEqual([]);
  });
});

test("an engine that was killed leaves no agent behind: the record in the folder of its run leads to it", async () => {
  const { spec } = agentPlace();
  const runner = scriptedAcp("endless");
  const handle = await runner.spawn(spec, realClock);
  expect(bearersOf(spec.key)).not.toEqual([]);
  expect(await scriptedAcp("good").endOrphan(spec.runFolder, realClock)).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
  expect(await firstFinal(handle.events$)).toEqual(errored("The agent was ended by SIGKILL"));
  await handle.close();
});

function errored(message: string): AgentEvent {
  return { type: "agent.errored", message };
}

test("a start that is not wanted any more is given up at once, though nobody answers", async () => {
  const { spec } = agentPlace();
  const unwanted = new AbortController();
  const start = scriptedAcp("mute at session/new").spawn(spec, realClock, unwanted.signal);
  const outcome = expect(start).rejects.toMatchObject({ code: "agent_not_started" });
  unwanted.abort(new Error("the run is over"));
  await outcome;
  expect(bearersOf(spec.key)).toEqual([]);
});
