import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { commandLine, line, temporaryFolder } from "../cli/invoke.ts";
import { TRANSCRIPTS } from "../import/transcripts.ts";

const good = line({ thread_id: "good" });

describe("a line that cannot be taken refuses the whole import", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["bad JSON", '{"thread_id":', "invalid_json"],
    ["no object", "[1]", "not_an_object"],
    ["a wrong type", line({ raw_memory: 5 }), "wrong_type"],
    ["a missing field", line({ thread_id: undefined }), "missing_field"],
    ["a line of more than 8 MiB", `{"x":"${"x".repeat(8 * 1024 * 1024)}"}`, "line_too_long"],
    ["a NUL byte", line().replace("Keep", "Ke\0ep"), "nul"],
    ["an escaped NUL", line({ raw_memory: "a\u0000b" }), "nul"],
    ["invalid UTF-8", Buffer.from(line().replace("Keep", "K\u00e9\u00e9p"), "latin1"), "invalid_utf8"],
    [
      "a thread id that leaves the folder",
      line({ thread_id: "../../.ssh/authorized_keys" }),
      "unsafe_thread_id",
    ],
    ["a thread id that hides", line({ thread_id: ".slowwave" }), "unsafe_thread_id"],
    ["a header forged by a line break", line({ cwd: "/x\nthread_id: other" }), "line_break"],
    ["a header forged by a separator", line({ git_branch: "main\u2028cwd: /etc" }), "line_break"],
    ["a day that never was", line({ source_updated_at: "2026-02-30T00:00:00Z" }), "invalid_time"],
    ["milliseconds", line({ source_updated_at: 1_788_345_678_000 }), "time_out_of_range"],
    ["two blank texts", line({ raw_memory: " ", rollout_summary: "\n" }), "texts_blank"],
  ])("%s", async (_, bad, code) => {
    const { json, home } = commandLine({ stdin: [good, "\n", bad, "\n"] });
    expect(await json("import", "-")).toEqual({
      code: 2,
      value: {
        imported: 0,
        updated: 0,
        unchanged: 0,
        rejected: [{ line: 2, code, message: expect.stringMatching(/\.$/) }],
        forgotten: 0,
        redacted: 0,
        error: {
          code: "import_rejected",
          message:
            "1 of 2 lines cannot be taken, so nothing was imported. Mend them, or take the others with --keep-going.",
          cause: null,
        },
      },
    });
    expect(existsSync(home)).toBe(false);
  });

  test("with --keep-going the others are taken", async () => {
    const { json, slowwave } = commandLine({ stdin: [good, "\n{\n", line({ thread_id: "fine" })] });
    expect(await json("import", "-", "--keep-going")).toMatchObject({
      code: 0,
      value: { imported: 2, rejected: [{ line: 2, code: "invalid_json" }] },
    });
    const answer = await slowwave("import", "-", "--keep-going");
    expect(answer.stdout).toBe("0 imported, 0 updated, 2 unchanged, 1 rejected\n");
    expect(answer.stderr).toContain("line 2 The line is not valid JSON");
  });

  test("with --keep-going and nothing to take it is still refused", async () => {
    const { json } = commandLine({ stdin: ["{"] });
    expect(await json("import", "-", "--keep-going")).toMatchObject({
      code: 2,
      value: { error: { code: "import_rejected" } },
    });
  });
});

describe("a file that is none", () => {
  const folder = () => {
    const at = temporaryFolder();
    mkdirSync(join(at, "folder"));
    writeFileSync(join(at, "empty"), "");
    writeFileSync(join(at, "blank"), "\n \r\n");
    writeFileSync(join(at, "packed.jsonl.gz"), gzipSync(good));
    writeFileSync(join(at, "binary"), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 1));
    writeFileSync(join(at, "utf16"), Buffer.from(`\ufeff${good}`, "utf16le"));
    return at;
  };

  test.each([
    ["missing", "file_not_found"],
    ["folder", "file_is_a_folder"],
    ["empty", "file_empty"],
    ["blank", "file_empty"],
    ["packed.jsonl.gz", "file_packed"],
    ["binary", "file_binary"],
    ["utf16", "file_not_utf8"],
    ["", "file_not_found"],
  ])("%s is refused as %s, before anything is made", async (name, code) => {
    const at = folder();
    const { json, home } = commandLine({}, at);
    expect(await json("import", name)).toEqual({
      code: 2,
      value: { error: { code, message: expect.any(String), cause: null } },
    });
    expect(existsSync(home)).toBe(false);
  });

  test("so is nothing at all on stdin", async () => {
    expect(await commandLine().json("import", "-")).toMatchObject({
      code: 2,
      value: { error: { code: "file_empty" } },
    });
  });
});

describe("an agent's transcript is refused by one sentence that says what it is and which command learns it", () => {
  const sentence = (shown: string, agent: string) =>
    `${shown} is a transcript of ${agent}, and import takes notes that were made of one; \`slowwave learn --file FILE\` makes and keeps a note of it. Nothing was imported.`;

  test.each(TRANSCRIPTS)(
    "$form, as a file and from stdin, also with --keep-going",
    async ({ agent, text }) => {
      const at = temporaryFolder();
      const file = join(at, "session.jsonl");
      writeFileSync(file, text);
      // Behind the transcript comes a line that could be taken.
      const { json, slowwave, home } = commandLine(
        { stdin: [text.slice(0, 9), text.slice(9), `\n${good}`] },
        at,
      );
      for (const flags of [[], ["--keep-going"]]) {
        expect(await json("import", file, ...flags)).toEqual({
          code: 2,
          value: { error: { code: "input_transcript", message: sentence(file, agent), cause: null } },
        });
      }
      expect(await slowwave("import", "-", "--keep-going")).toEqual({
        code: 2,
        stdout: "",
        stderr: `error ${sentence("stdin", agent)}\n  code: input_transcript\n`,
      });
      expect(existsSync(home)).toBe(false);
    },
  );
});
