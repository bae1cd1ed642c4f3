import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { besieged, type Damage } from "./hostile-world.ts";

/** Leaves out the statements whose number the test says. */
const without =
  (isGone: (at: number) => boolean): Damage =>
  ({ edit }) =>
    edit("MEMORY.md", (text) => {
      let at = 0;
      return text
        .split("\n")
        .filter((line) => !/^- .*\[Task 1\]$/.test(line) || !isGone(at++))
        .join("\n");
    });
const third = (at: number) => at % 3 === 0;
const half = (at: number) => at % 3 === 0 || at % 6 === 1;

const codes = (findings: readonly { code: string; severity: string }[]) =>
  findings
    .filter(({ code }) => code.startsWith("memory_"))
    .map(({ code, severity }) => `${code} ${severity}`);

test("small losses run after run are asked about once they add up to a large one, and told", async () => {
  const siege = await besieged();
  expect(codes((await siege.attack(without(third))).findings)).toEqual([]);
  const second = await siege.attack(without(half));
  expect([second.status, codes(second.findings)]).toEqual([
    "succeeded",
    ["memory_eroded repair", "memory_eroded repair", "memory_eroded warn"],
  ]);
  expect(second.findings[0]?.message).toMatch(
    /^Over the last runs 11 of 20 statements of MEMORY\.md were lost although their sessions are still there; `slowwave diff \S+ current` shows them/,
  );
});

test("what a person took out between the runs is no loss", async () => {
  const siege = await besieged();
  const path = join(siege.root, "MEMORY.md");
  let at = 0;
  const kept = (await readFile(path, "utf8"))
    .split("\n")
    .filter((line) => !/^- .*\[Task 1\]$/.test(line) || !third(at++));
  await writeFile(path, kept.join("\n"));
  expect(codes((await siege.attack(without(third))).findings)).toEqual([]);
  expect(codes((await siege.attack(without(half))).findings)).toEqual([]);
});
