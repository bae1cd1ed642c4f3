import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a run that waits for its agent takes less than 12 KB of heap", () => {
  const child = fileURLToPath(new URL("supervised-heap.child.ts", import.meta.url));
  const said = execFileSync(process.execPath, ["--expose-gc", child], { encoding: "utf8" });
  const { kbEach } = JSON.parse(said) as { kbEach: number };
  expect(kbEach).toBeLessThan(12);
});
