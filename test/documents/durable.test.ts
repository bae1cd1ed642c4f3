import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const page = readFileSync("docs/durable.md", "utf8");

test("every promise of the page on durable runs names a test that is there", () => {
  const rows = page
    .split("\n")
    .filter((line) => /^\| (?!what|code|---)/.test(line) && !line.startsWith("|---"));
  expect(rows.length).toBeGreaterThan(20);
  const without = rows.filter((row) => {
    const named = /`(?<file>test\/[^`]+)`: "(?<name>[^"]+)" \|$/.exec(row)?.groups;
    return named === undefined || !readFileSync(named.file ?? "", "utf8").includes(named.name ?? "?");
  });
  expect(without).toEqual([]);
});

test("every code of the page is one that the durable engine gives", () => {
  const codes = [...page.matchAll(/^\| `(?<code>[a-z_]+)` \|/gm)].map(({ groups }) => groups?.code ?? "");
  const source = [
    "live-run",
    "step-commit",
    "engine",
    "prepared-machine",
    "plain-event",
    "actor-ref",
    "actor-system",
    "running-actors",
    "stored-runs",
  ]
    .map((name) => readFileSync(`src/durable/${name}.ts`, "utf8"))
    .join("\n");
  expect(codes.filter((code) => !source.includes(`"${code}"`))).toEqual([]);
});
