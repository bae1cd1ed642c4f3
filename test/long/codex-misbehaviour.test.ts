import { lastValueFrom } from "rxjs";
import { describe, expect, test } from "vitest";
import type { CodexAgentOptions } from "../../src/agents/codex-agent.ts";
import type { AgentEvent } from "../../src/domain/agent.ts";
import { causeOf } from "../../src/domain/failure.ts";
import { agentPlace, allOf, bearersOf, expectNoneLeft, firstFinal } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { scriptedCodex } from "../agents/scripted-codex.ts";

/**
 * What an app-server can do wrong. Each has one named outcome; that it comes in bounded time is what the
 * test's own time limit says, and that no process is left is checked after each.
 */
expectNoneLeft();

const PROMPT = { patienceMs: 300, graceMs: 300 } as const;
const DONE: AgentEvent = { type: "agent.completed", message: "turn 1 done" };

describe("before there is a thread, nothing is started and the cause is named", () => {
  const misdeeds: readonly (readonly [string, string | RegExp, CodexAgentOptions])[] = [
    ["mute at initialize", 'Codex did not answer "initialize" within 0.3 s', PROMPT],
    ["mute at thread/start", /did not answer "(initialize|config\/read|thread\/start)" within 0.3 s/, PROMPT],
    ["dies at initialize", "Codex exited with code 101: thread 'main' panicked at initialize", {}],
    ["dies at config/read", "Codex exited with code 101: thread 'main' panicked at config/read", {}],
    ["dies at thread/start", "Codex exited with code 101: thread 'main' panicked at thread/start", {}],
    ["refuses thread/start", 'Codex refused "thread/start": not today', {}],
    ["garbles config/read", "Codex gave an answer that is not understood; use version 0.169.0 or later", {}],
    ["wrong id at initialize", "Codex was ended: it answered a question that was not asked (1001)", {}],
    ["keeps its thread", /^Codex did not open an ephemeral thread without approvals/, {}],
  ];

  test.each(misdeeds)("%s", async (behaviour, cause, options) => {
    const { spec } = agentPlace();
    const failure = await scriptedCodex(behaviour, options)
      .spawn(spec, realClock)
      .then(
        () => null,
        (error: unknown) => error,
      );
    expect(failure).toMatchObject({ code: "agent_not_started", cause: expect.any(Error) });
    const why = causeOf((failure as Error).cause);
    if (typeof cause === "string") expect(why).toBe(cause);
    else expect(why).toMatch(cause);
    expect(bearersOf(spec.key)).toEqual([]);
  });
});

describe("in its turn", () => {
  const misdeeds: readonly (readonly [string, AgentEvent, CodexAgentOptions])[] = [
    ["dies at turn/start", errored("Codex exited with code 101: thread 'main' panicked at turn/start"), {}],
    ["refuses turn/start", errored('Codex refused "turn/start": not today'), {}],
    [
      "garbles turn/start",
      errored("Codex gave an answer that is not understood; use version 0.169.0 or later"),
      {},
    ],
    ["dies in its turn", errored("Codex exited with code 9: killed by the weather"), {}],
    ["exits 0 in its turn", errored("Codex exited with code 0"), {}],
    ["dies by a signal", errored("Codex was ended by SIGSEGV"), {}],
    ["closes its stdout", errored("Codex was ended: it closed its standard output"), {}],
    ["nests without end", errored("Codex was ended: it wrote a line that can't be understood"), {}],
    ["fails without a word", errored('Codex ended its turn as "failed" without saying why'), {}],
    ["interrupts itself", { type: "agent.interrupted" }, {}],
    [
      "writes what is no JSON",
      errored("Codex was ended: it wrote a line that is no message: Welcome to Codex {"),
      {},
    ],
    ["writes a list", errored("Codex was ended: it wrote a line that is no message: [1,2,3]"), {}],
    [
      "answers what was not asked",
      errored("Codex was ended: it answered a question that was not asked (999)"),
      {},
    ],
    [
      "answers with a text for an id",
      errored('Codex was ended: it answered a question that was not asked ("one")'),
      {},
    ],
    ["answers twice", DONE, {}],
    ["completes twice", DONE, {}],
    ["completes another turn", errored('Codex ended its turn as "failed" without saying why'), {}],
    ["leaves an agent of its own at work", errored("Codex left agents of its own at work"), {}],
    [
      "refuses thread/backgroundTerminals/clean",
      errored(
        'what Codex left running could not be ended: Codex refused "thread/backgroundTerminals/clean": not today',
      ),
      {},
    ],
    ["asks without end", errored("Codex was ended: it asked for permission more than 100 times"), {}],
    ["reports absurd use", DONE, {}],
    [
      "thinks without end",
      errored("Codex was ended: it wrote more than 16 MiB of output"),
      { limits: { maxLineBytes: 2 ** 20, maxOutputBytes: 2 ** 24 } },
    ],
    ["writes a line without end", errored("Codex was ended: it wrote a line longer than 8 MiB"), {}],
    [
      "floods its stderr",
      errored("Codex was ended: it flooded its standard error"),
      { limits: { maxLineBytes: 2 ** 20, maxOutputBytes: 2 ** 24 } },
    ],
    ["keeps its stdio open", DONE, {}],
    ["writes strange items", DONE, {}],
  ];

  test.each(misdeeds)("%s", async (behaviour, ends, options) => {
    const { spec } = agentPlace();
    const before = process.memoryUsage().rss;
    const handle = await scriptedCodex(behaviour, options).spawn(spec, realClock);
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

  test("absurd use is left out", async () => {
    const { spec } = agentPlace();
    const handle = await scriptedCodex("reports absurd use").spawn(spec, realClock);
    await firstFinal(handle.events$);
    await handle.close();
    const used = (await allOf(handle)).flatMap((event) =>
      event.type === "agent.usage" ? [event.usage] : [],
    );
    expect(used.at(-1)).toEqual({
      turns: 1,
      inputTokens: 1_000,
      outputTokens: 50,
      costUsd: null,
      estimated: false,
    });
    expect(
      used.map(({ inputTokens }) => inputTokens ?? 0).every((count) => count >= 0 && count <= 1_000),
    ).toBe(true);
  });
});

describe("when it is to stop", () => {
  const stubborn = [
    "hangs after interrupt",
    "mute at turn/interrupt",
    "mute at turn/start",
    "ignores SIGTERM",
  ];

  test.each(stubborn)("interrupt ends one that %s", async (behaviour) => {
    const { spec } = agentPlace();
    const handle = await scriptedCodex(behaviour, { graceMs: 300 }).spawn(spec, realClock);
    await handle.interrupt();
    expect(await firstFinal(handle.events$)).toEqual({ type: "agent.interrupted" });
    await handle.close();
    expect(bearersOf(spec.key)).toEqual([]);
  });

  const stayers = ["stays when its stdin closes", "closes its stdout"];

  test.each(stayers)("close ends one that %s", async (behaviour) => {
    const { spec } = agentPlace();
    const handle = await scriptedCodex(behaviour, { graceMs: 300 }).spawn(spec, realClock);
    await handle.close();
    expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
    expect(bearersOf(spec.key)).toEqual([]);
  });
});

test("an engine that was killed leaves no Codex behind: the record in the folder of its run leads to it", async () => {
  const { spec } = agentPlace();
  const runner = scriptedCodex("endless");
  const handle = await runner.spawn(spec, realClock);
  expect(bearersOf(spec.key)).not.toEqual([]);
  expect(await scriptedCodex("good").endOrphan(spec.runFolder, realClock)).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
  expect(await firstFinal(handle.events$)).toEqual(errored("Codex was ended by SIGKILL"));
  await handle.close();
});

function errored(message: string): AgentEvent {
  return { type: "agent.errored", message };
}
