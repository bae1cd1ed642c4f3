import { describe, expect, test } from "vitest";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { explainLine } from "../../src/extractive/origins.ts";
import { inputOf, note, type Session } from "./sessions.ts";

const sessions: readonly Session[] = [
  {
    id: "a1",
    day: 0,
    memory: note({
      preferences: ["The user wants plain words in error messages."],
      knowledge: ["The API listens on port 8080 behind nginx.", "Colours are defined in `theme.css` only."],
    }),
  },
  {
    id: "b2",
    day: 3,
    started: "2026-01-02T10-00-00",
    memory: note({ knowledge: ["The API listens on port 9090 behind nginx."] }),
  },
  {
    id: "c3",
    day: 5,
    memory: note({
      knowledge: ["Colours are defined in `theme.css` only."],
      failures: ["Builds fail when `TMPDIR` is full -> run `npm run clean` first."],
    }),
  },
];

describe("the origin of a line", () => {
  const input = inputOf(sessions);
  const { memory } = consolidate(input);
  const lines = memory.split("\n");
  const explain = (start: string) =>
    explainLine(input, memory, lines.findIndex((line) => line.startsWith(start)) + 1);

  test("names at least one session, each once, for every line that is not blank", () => {
    for (const [at, line] of lines.entries()) {
      if (line === "") continue;
      const ids = explainLine(input, memory, at + 1).sessions.map(({ threadId }) => threadId);
      expect([line, ids.length > 0, new Set(ids).size]).toEqual([line, true, ids.length]);
    }
  });

  test("says who said a statement first and last", () => {
    expect(explain("- Colours are defined")).toMatchObject({
      firstSeen: "2026-01-01T10:00:00Z",
      lastConfirmed: "2026-01-06T10:00:00Z",
      sessions: [{ threadId: "a1" }, { threadId: "c3" }],
    });
  });

  test("says what a statement replaced, and when that was last said", () => {
    expect(explain("- The API listens on port 9090")).toMatchObject({
      sessions: [{ threadId: "b2" }],
      replaced: [
        { text: "The API listens on port 8080 behind nginx.", lastConfirmed: "2026-01-01T10:00:00Z" },
      ],
    });
  });

  test("is unknown for a blank line and for one that a person wrote outside of every group", () => {
    const written = `My own words.\n\n${memory}`;
    expect(explainLine(input, written, 1).sessions).toEqual([]);
    expect(explainLine(input, written, 2).sessions).toEqual([]);
  });
});
