import { describe, expect, test } from "vitest";
import { rawMemories, rfc3339, summaryBody, summaryNames } from "../../src/memory-files/host-file-text.ts";
import { hostFiles } from "../../src/memory-files/host-files.ts";
import { memory } from "../workspace/bench.ts";

const raw = (outputs: Parameters<typeof summaryNames>[0] & Parameters<typeof rawMemories>[0]) =>
  [...rawMemories(outputs, summaryNames(outputs))].join("");

test("times have an offset and no fraction", () => {
  expect(rfc3339(1_782_469_149)).toBe("2026-06-26T10:19:09+00:00");
  expect(rfc3339(1_782_469_149.9)).toBe("2026-06-26T10:19:09+00:00");
  expect(rfc3339(-1)).toBe("1969-12-31T23:59:59+00:00");
});

describe("a rollout summary", () => {
  test("is headers, a blank line, the text as it came, a newline", () => {
    const text = "  # Title\r\n\n- a\tb\n\n";
    const output = memory("t-1", { rolloutSummary: text, gitBranch: "main", rolloutPath: "/s/a.jsonl" });
    expect(summaryBody(output)).toBe(
      "thread_id: t-1\nupdated_at: 2026-03-22T20:40:00+00:00\nrollout_path: /s/a.jsonl\ncwd: /home/me/app\n" +
        `git_branch: main\n\n${text}\n`,
    );
  });

  test("keeps header lines whose value is unknown, but for the branch", () => {
    expect(summaryBody(memory("t-1", { rolloutPath: "", cwd: "", rolloutSummary: "s" }))).toBe(
      "thread_id: t-1\nupdated_at: 2026-03-22T20:40:00+00:00\nrollout_path: \ncwd: \n\ns\n",
    );
  });

  test.each(["\n", "\r\n", "\u2028", "\u0085", "\u0000", "\u001b[2J"])(
    "a value with %j can't add a header or reach a terminal",
    (evil) => {
      const body = summaryBody(
        memory(`t${evil}x: y`, {
          cwd: `/a${evil}thread_id: other`,
          rolloutPath: `${evil}b`,
          gitBranch: `${evil}c`,
          rolloutSummary: "s",
        }),
      );
      const [head = ""] = body.split("\n\n");
      expect(head.split(/[\n\u2028\u0085]/).map((line) => line.split(":")[0])).toEqual([
        "thread_id",
        "updated_at",
        "rollout_path",
        "cwd",
        "git_branch",
      ]);
      expect(head.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    },
  );
});

describe("raw_memories.md", () => {
  test("without input is three lines", () => {
    expect(raw([])).toBe("# Raw Memories\n\nNo raw memories yet.\n");
  });

  test("lists every memory in the order of the selection, trimmed as the original trims", () => {
    const [newer, older] = [
      memory("t-2", {
        rawMemory: "\u0085 \u3000\n## task\n\nbody\u2003\n\n",
        rolloutSlug: "Fix it",
        cwd: "/x",
      }),
      memory("t-1", { rawMemory: "\ufeffkept", sourceUpdatedAt: 1_774_211_999, rolloutPath: "" }),
    ];
    expect(raw([newer, older])).toBe(
      [
        "# Raw Memories\n\nMerged stage-1 raw memories (latest first):\n\n",
        "## Thread `t-2`\nupdated_at: 2026-03-22T20:40:00+00:00\ncwd: /x\nrollout_path: /sessions/t-2.jsonl\n",
        `rollout_summary_file: ${summaryNames([newer]).get("t-2")}\n\n## task\n\nbody\n\n`,
        "## Thread `t-1`\nupdated_at: 2026-03-22T20:39:59+00:00\ncwd: /home/me/app\nrollout_path: \n",
        `rollout_summary_file: ${summaryNames([older]).get("t-1")}\n\n\ufeffkept\n\n`,
      ].join(""),
    );
  });

  test("a heading can't be broken out of by a thread id", () => {
    const [, heading] = /(## Thread [^\n]*)\n/.exec(raw([memory("a\n## Thread `b")])) ?? [];
    expect(heading).toBe("## Thread `a\ufffd## Thread `b`");
  });
});

test("host files are the raw memories and one summary per input, each under the hash of its bytes", async () => {
  const files = await hostFiles([memory("a"), memory("b")]);
  expect(files.map(({ path }) => path.split("/")[0])).toEqual([
    "raw_memories.md",
    "rollout_summaries",
    "rollout_summaries",
  ]);
  const { createHash } = await import("node:crypto");
  for (const { hash, content } of files)
    expect(hash).toBe(createHash("sha256").update(content).digest("hex"));
});
