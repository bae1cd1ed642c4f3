import { expect, test } from "vitest";
import { gateSeverity } from "../../src/domain/settings.ts";
import { undoneLines } from "../../src/memory-files/undone-edits.ts";
import { deletions, FIRST, LATER, lived, SKILL } from "./deletions.ts";
import { edit, run } from "./edited-runs.ts";

test("whatever line, or two lines, of a memory a person deletes: the next run is let through, and the deletion holds or is told", async () => {
  const { version } = await lived(FIRST);
  expect(version.files["skills/release/SKILL.md"]).toBe(SKILL);
  const wrong: unknown[] = [];
  for (const { path, gone, change } of deletions(version.files)) {
    const edited = await edit(version, path, change);
    const next = await run(edited, [...FIRST, LATER]);
    const refused = next.findings.filter(
      ({ code, severity }) => severity !== "warn" && gateSeverity(code as never, {}) !== "ask",
    );
    const [before, own, result] = [version, edited, next.version].map(({ files }) => files[path] ?? "");
    const told = undoneLines(before ?? "", own ?? "", result ?? "");
    const lines = (text: string | undefined) => (text ?? "").split("\n");
    const back = gone.filter(
      (line) =>
        line.trim() !== "" &&
        !lines(own).includes(line) &&
        lines(result).includes(line) &&
        !told.includes(line),
    );
    if (refused.length > 0 || back.length > 0)
      wrong.push({ path, gone, refused: refused.map(({ message }) => message), back });
  }
  expect(wrong).toEqual([]);
});

test("a group that lost its heading alone gets it back, and the person is told by name", () => {
  const before = "# Task Group: shop\nscope: work\n\n## Task 1: Sell\n";
  const edited = "\n## Task 1: Sell\n";
  expect(undoneLines(before, edited, before)).toEqual(["# Task Group: shop", "scope: work"]);
  expect(undoneLines(before, edited, "# Task Group: my shop\n\n## Task 1: Sell\n")).toEqual([]);
});
