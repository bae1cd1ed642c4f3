import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { quoted } from "../../src/cli/ui/text.ts";

test.each(["/plain/path-1.db", "/with space", "it's", "$(reboot)", "a;b|c&d", '"\\`*?', "", "日本"])(
  "%j comes back from a shell as it was",
  (word) => {
    expect(execFileSync("sh", ["-c", `printf %s ${quoted(word)}`], { encoding: "utf8" })).toBe(word);
  },
);
