import { describe, expect, test } from "vitest";
import { parseLine } from "../../src/import/stage1-file.ts";
import { line } from "../cli/invoke.ts";

describe("a line as a record", () => {
  test("with everything in it", () => {
    const text = line({
      source_updated_at: 1_788_345_678,
      generated_at: "2026-09-03T00:00:00Z",
      rollout_slug: "a slug, with spaces",
      git_branch: "main",
      raw_memory: "raw",
      rollout_summary: "summary",
      surplus: { ignored: true },
    });
    expect(parseLine(7, text)).toEqual({
      record: {
        threadId: "thread-1",
        sourceUpdatedAt: 1_788_345_678,
        generatedAt: 1_788_393_600,
        rawMemory: "raw",
        rolloutSummary: "summary",
        rolloutSlug: "a slug, with spaces",
        gitBranch: "main",
        rolloutPath: "/home/dev/rollout.jsonl",
        cwd: "/home/dev/project",
      },
    });
  });

  test("with what must be there alone", () => {
    const text = JSON.stringify({
      thread_id: "t",
      source_updated_at: 5,
      raw_memory: "x",
      rollout_summary: "",
    });
    expect(parseLine(1, text)).toEqual({
      record: {
        threadId: "t",
        sourceUpdatedAt: 5,
        generatedAt: 5,
        rawMemory: "x",
        rolloutSummary: "",
        rolloutSlug: null,
        gitBranch: null,
        rolloutPath: "",
        cwd: "",
      },
    });
  });

  test.each([
    [{ thread_id: "a".repeat(200) }],
    [{ thread_id: "🌙".repeat(200) }],
    [{ thread_id: "Ω 1.x" }],
    [{ rollout_slug: null, git_branch: null }],
    [{ raw_memory: "", rollout_summary: "\u{feff}" }],
    [{ raw_memory: "x".repeat(1024 * 1024), rollout_summary: "" }],
    [{ cwd: "" }],
  ])("%o is taken", (fields) => {
    expect(parseLine(1, line(fields))).toHaveProperty("record");
  });

  test.each([
    [{ thread_id: undefined }, "missing_field", "thread_id is missing."],
    [{ source_updated_at: undefined }, "missing_field", "source_updated_at is missing."],
    [{ raw_memory: undefined }, "missing_field", "raw_memory is missing."],
    [{ rollout_summary: undefined }, "missing_field", "rollout_summary is missing."],
    [{ thread_id: 7 }, "wrong_type", "thread_id must be a string."],
    [{ raw_memory: null }, "wrong_type", "raw_memory must be a string."],
    [{ cwd: null }, "wrong_type", "cwd must be a string."],
    [{ git_branch: 1 }, "wrong_type", "git_branch must be a string or null."],
    [
      { source_updated_at: true },
      "wrong_type",
      "source_updated_at must be RFC 3339 text or whole Unix seconds.",
    ],
    [
      { source_updated_at: "soon" },
      "invalid_time",
      "source_updated_at is not an RFC 3339 time such as 2026-09-02T10:41:18Z.",
    ],
    [
      { generated_at: 1_788_345_678_000 },
      "time_out_of_range",
      "generated_at lies outside 1970 to 9999; are these milliseconds? Seconds are wanted.",
    ],
    [{ thread_id: "" }, "empty_field", "thread_id is empty."],
    [{ thread_id: "a".repeat(201) }, "field_too_long", "thread_id is longer than 200 characters."],
    [
      { thread_id: "../../etc/passwd" },
      "unsafe_thread_id",
      "thread_id must not contain / or \\, nor begin with a dot.",
    ],
    [{ thread_id: "a\\b" }, "unsafe_thread_id", "thread_id must not contain / or \\, nor begin with a dot."],
    [
      { thread_id: ".hidden" },
      "unsafe_thread_id",
      "thread_id must not contain / or \\, nor begin with a dot.",
    ],
    [{ thread_id: "a\u0000b" }, "control_character", "thread_id must not contain control characters."],
    [{ thread_id: "a\ncwd: root" }, "line_break", "thread_id must be one line."],
    [{ thread_id: "\ud800" }, "invalid_unicode", "thread_id contains half a character (a lone surrogate)."],
    [{ cwd: "/x\nthread_id: forged" }, "line_break", "cwd must be one line."],
    [{ cwd: "/x\u2028y" }, "line_break", "cwd must be one line."],
    [{ rollout_path: "/x\u0085y" }, "line_break", "rollout_path must be one line."],
    [
      { rollout_slug: "a\u001b[31m" },
      "control_character",
      "rollout_slug must not contain control characters.",
    ],
    [{ git_branch: "a\rb" }, "line_break", "git_branch must be one line."],
    [{ raw_memory: "a\u0000b" }, "nul", "raw_memory contains a NUL character."],
    [{ raw_memory: "é".repeat(524_289) }, "text_too_large", "raw_memory is larger than 1 MiB."],
    [
      { raw_memory: " \n\u00a0", rollout_summary: "\u3000\u0085" },
      "texts_blank",
      "The record has two blank texts; raw_memory or rollout_summary must say something.",
    ],
  ])("%o is refused as %s", (fields, code, message) => {
    expect(parseLine(3, line(fields))).toEqual({ line: 3, code, message });
  });

  test.each([
    ["{", "invalid_json"],
    ['{"thread_id":"a",}', "invalid_json"],
    ["[]", "not_an_object"],
    ["null", "not_an_object"],
    ['"text"', "not_an_object"],
  ])("%s is refused as %s", (text, code) => {
    expect(parseLine(3, text)).toMatchObject({ line: 3, code });
  });

  test("no message quotes what was given: it may be a secret", () => {
    const secret = "hunter2hunter2";
    const given = [
      `{"password":"${secret}`,
      line({ source_updated_at: secret }),
      line({ thread_id: `/${secret}` }),
    ];
    expect(given.map((text) => JSON.stringify(parseLine(1, text)).includes(secret))).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("a name that only a prototype has is no field", () => {
    expect(parseLine(1, '{"__proto__":{"thread_id":"x"}}')).toMatchObject({ code: "missing_field" });
  });
});
