import { describe, expect, test } from "vitest";
import { timeline } from "../../src/cli/ui/run-page.ts";
import { rendered } from "../../src/cli/ui/text.ts";

const span = (state: string, ms: number) => ({ state, enteredAt: "2026-11-22T12:00:00.000Z", ms });
const drawn = (spans: Parameters<typeof timeline>[0], columns: number) =>
  timeline(spans, columns).map((line) => rendered(line, { colors: false }));

describe("the timeline of a run", () => {
  test("is to scale, each bar beginning where the one before ends, and marks what is too short to draw", () => {
    const spans = [
      span("claiming", 5),
      span("loading", 2_495),
      span("supervising", 7_500),
      span("succeeded", 0),
    ];
    expect(drawn(spans, 59)).toEqual([
      "  claiming               ▏                            5 ms",
      "  loading                █████                       2.5 s",
      "  supervising                 ███████████████        7.5 s",
      "  succeeded                                 ▏         0 ms",
    ]);
  });

  test("of a run without time, or a narrow terminal, or a state with a long name, still fits", () => {
    expect(drawn([span("failed", 0)], 80)).toEqual([expect.stringMatching(/^ {2}failed +▏ +0 ms$/)]);
    for (const line of drawn([span("a.state.with.a.very.long.name", 1), span("b", 9)], 20)) {
      expect([...line].length).toBe(48);
    }
  });
});
