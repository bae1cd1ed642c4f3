import { describe, expect, test } from "vitest";
import { normaliseText } from "../../src/import/record.ts";
import { readStage1 } from "../../src/import/stage1-file.ts";
import { line } from "../cli/invoke.ts";

async function* bytes(text: string) {
  yield Buffer.from(text);
}

describe("a file of stage-1 outputs", () => {
  test("good and bad lines are told apart, in order, with their numbers", async () => {
    const read = await readStage1(
      bytes([line({ thread_id: "a" }), "", "{", line({ thread_id: "b" })].join("\n")),
    );
    expect(read.outputs.map(({ threadId }) => threadId)).toEqual(["a", "b"]);
    expect(read.rejected.map(({ line, code }) => [line, code])).toEqual([[3, "invalid_json"]]);
    expect(read.secrets).toBe(0);
  });

  test("texts are normalised and freed of secrets, and the secrets are counted", async () => {
    const raw_memory = "one\r\ntwo\u001b[31m\tthree\r password=hunter2hunter2";
    const read = await readStage1(bytes(line({ raw_memory, rollout_summary: "token: a1b2c3d4e5f6g7" })));
    expect(read.outputs.map(({ rawMemory, rolloutSummary }) => [rawMemory, rolloutSummary])).toEqual([
      ["one\ntwo\u{fffd}[31m\tthree\u{fffd} password=[REDACTED_SECRET]", "token: [REDACTED_SECRET]"],
    ]);
    expect(read.secrets).toBe(2);
  });

  test("a secret does not hide behind a control character that import replaces", async () => {
    const read = await readStage1(bytes(line({ raw_memory: "password=\u0007hunter2hunter2" })));
    expect(read.outputs[0]?.rawMemory).toBe("password=[REDACTED_SECRET]");
  });
});

describe("normalised text", () => {
  test.each([
    ["a\r\nb\nc\td", "a\nb\nc\td"],
    ["\u0000\u0007\u001b\u007f\u0085\u009b", "\u{fffd}".repeat(6)],
    ["a\rb", "a\u{fffd}b"],
    ["half \ud83c moon", "half \u{fffd} moon"],
    ["🌙 \u{feff}\u202e\u2028 日本", "🌙 \u{feff}\u202e\u2028 日本"],
  ])("%j becomes %j", (given, expected) => {
    expect(normaliseText(given)).toBe(expected);
  });
});
