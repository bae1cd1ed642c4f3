import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DEFAULT_SETTINGS, type Settings } from "../../src/domain/settings.ts";
import { commandLine } from "../cli/invoke.ts";

const ROW = /^\| [^|]+ \| `(?<setting>\w+)` \| `(?<flag>--[\w-]+)` \| (?<value>\w+) \|$/gm;

test("the page of limits has every limit with its default, and a flag that is there", async () => {
  const rows = [...readFileSync("docs/limits.md", "utf8").matchAll(ROW)].map(({ groups }) => groups ?? {});
  const told = Object.fromEntries(
    rows.map(({ setting, value }) => [setting, value === "none" ? null : Number(value)]),
  );
  const limits = Object.entries(DEFAULT_SETTINGS).filter(
    ([name]) => name.startsWith("max") && name !== ("maxInputs" satisfies keyof Settings),
  );
  expect(told).toEqual(Object.fromEntries(limits));
  const { stdout } = await commandLine().slowwave("run", "--help");
  expect(rows.filter(({ flag = "" }) => !stdout.includes(`${flag} `))).toEqual([]);
});
