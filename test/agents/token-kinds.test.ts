import { expect, test } from "vitest";
import { meter } from "../../src/agents/acp/turns.ts";
import { tokenCount } from "../../src/agents/codex/turns.ts";
import { sanitizeUsage } from "../../src/domain/usage.ts";

test("Codex's kinds of tokens are added up over its threads; kinds that nobody reports are left out", () => {
  const count = tokenCount();
  expect(count.total()).toEqual({});
  count.record("one", { inputTokens: 1_000, outputTokens: 50 });
  expect(count.total()).toEqual({ inputTokens: 1_000, outputTokens: 50 });
  count.record("two", { inputTokens: 10, outputTokens: 5, cachedInputTokens: 8, reasoningOutputTokens: 2 });
  count.record("two", { inputTokens: 7, outputTokens: Number.NaN, cachedInputTokens: 9 });
  expect(count.total()).toEqual({
    inputTokens: 1_010,
    outputTokens: 55,
    cachedInputTokens: 9,
    reasoningOutputTokens: 2,
  });
});

test("what ACP agents report of a turn is added up over the turns", () => {
  const used = meter();
  const usage = { inputTokens: 100, outputTokens: 20, totalTokens: 120 };
  for (const [cachedReadTokens, thoughtTokens] of [
    [80, 5],
    [90, null],
  ] as const) {
    used.asked("more");
    used.completeTurn({
      stopReason: "end_turn",
      usage: { ...usage, cachedReadTokens, thoughtTokens },
      _meta: null,
    });
  }
  expect(used.usage()).toMatchObject({
    inputTokens: 200,
    outputTokens: 40,
    cachedInputTokens: 170,
    reasoningOutputTokens: 5,
  });
});

test("a claim that is no number of tokens is left out, and numbers never fall", () => {
  const before = sanitizeUsage({ cachedInputTokens: 10, reasoningOutputTokens: -1 }, null);
  expect(before).toMatchObject({ cachedInputTokens: 10 });
  expect(before).not.toHaveProperty("reasoningOutputTokens");
  expect(sanitizeUsage({ cachedInputTokens: 3 }, before)).toMatchObject({ cachedInputTokens: 10 });
});
