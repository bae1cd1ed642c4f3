import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commandLine } from "../cli/invoke.ts";
import { STORIES } from "../original/stories.ts";

const PAGE = "ARCHITECTURE.md";
const PICTURE = /(?<=\n```mermaid\n)[^`]*(?=```\n)/;

test("the picture is what `slowwave machine --format mermaid` prints (UPDATE_GOLDEN=1 draws it anew)", async () => {
  const { stdout } = await commandLine().slowwave("machine", "--format", "mermaid");
  if (process.env.UPDATE_GOLDEN === "1")
    writeFileSync(
      PAGE,
      page().replace(PICTURE, () => stdout),
    );
  expect(PICTURE.exec(page())?.[0]).toBe(stdout);
});

test("every law names a test that is there", () => {
  const rows = [
    ...page().matchAll(
      /^\| (?<law>\d+ [^|]+|) \|[^|]+\| `(?<file>(?:test|src\/testing)\/[^`]+)`: "(?<name>[^|]+)" \|/gm,
    ),
  ];
  const laws = rows.flatMap(({ groups }) => (groups?.law ? [Number.parseInt(groups.law, 10)] : []));
  expect(laws).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  const gone = rows.filter(({ groups }) => !isNamed(groups?.file ?? "", groups?.name ?? ""));
  expect(gone.map(([row]) => row)).toEqual([]);
});

/** A whole run is named by the key of its story. */
function isNamed(file: string, name: string): boolean {
  return file.endsWith("golden.test.ts") ? name in STORIES : readFileSync(file, "utf8").includes(name);
}

function page(): string {
  return readFileSync(PAGE, "utf8");
}

test("every file that the life of a run names is there", () => {
  const life =
    page()
      .split("\n## ")
      .find((part) => part.startsWith("The life of a run")) ?? "";
  const named = [...life.matchAll(/`((?:[a-z0-9-]+\/)+[a-z0-9-]+\.(?:ts|js))`/g)].map(
    ([, file = ""]) => file,
  );
  expect(named.length).toBeGreaterThan(25);
  const missing = named.filter((file) => !existsSync(file.startsWith("bin/") ? file : `src/${file}`));
  expect(missing).toEqual([]);
});
