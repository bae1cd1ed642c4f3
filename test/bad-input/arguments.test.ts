import { describe, expect, test } from "vitest";
import { copiedHome } from "../cli/copied-home.ts";
import { commandLine, line } from "../cli/invoke.ts";

/** What a script passes on when its own input was wrong: empty, huge, of another kind, or meant to do harm. */
const VALUES = [
  ...["", " ", "..", "../../etc/passwd", "/etc/passwd", "\0", "\u001b[31m", "x".repeat(5_000), "__proto__"],
  ...[
    "constructor",
    "NaN",
    "1e999",
    "-1",
    "0x10",
    "99999999999999999999",
    "'; drop table runs; --",
    "\ud800",
  ],
];

const COMMANDS = [
  ...["run --max-minutes V", "run --max-tokens V", "run --max-cost V", "run --limit V", "run --agent V"],
  ...["run --sandbox V", "run --space V", "run --home V", "run --memory-root V", "import V", "runs show V"],
  ...["runs --last V", "cancel V", "diff V", "diff V V", "rollback V", "apply V", "purge V --yes"],
  ...["machine --format V", "watch V", "status --home V", "status --space V", "recover --home V"],
  ...["doctor --home V", "V", "V V", "serve --every V"],
];

/** Codes of errors that a program makes, and no person. */
const ACCIDENTS = /^(?:unexpected|ERR_)/;

const home = copiedHome(async (folder) => {
  const { slowwave } = commandLine({ stdin: [line()] }, folder);
  await slowwave("import", "-");
  await slowwave("run");
});

describe("with --json and any value", () => {
  test.each(COMMANDS)(
    "`%s` prints one document, no stack, and an exit code of the contract",
    async (command) => {
      const folder = home();
      for (const value of VALUES) {
        const words = command.split(" ").map((word) => (word === "V" ? value : word));
        const { slowwave } = commandLine({ stdin: [line()] }, folder);
        const { code, stdout, stderr } = await slowwave(...words, "--json");
        const answer = JSON.parse(stdout) as { error?: { code: string; message: string } };
        expect([value, code]).toEqual([value, answer.error === undefined ? expect.any(Number) : 2]);
        expect([value, [0, 1, 2].includes(code)]).toEqual([value, true]);
        expect(answer.error?.code ?? "none").not.toMatch(ACCIDENTS);
        expect(`${stdout}${stderr}`).not.toMatch(/^\s+at \S+ \(/m);
      }
    },
  );
});

test("a home that is a file is refused by the commands that only look, too", async () => {
  const { json } = commandLine();
  for (const command of [["status"], ["runs"], ["diff"], ["recover"], ["rollback"]]) {
    expect(await json(...command, "--home", "/etc/passwd")).toEqual({
      code: 2,
      value: {
        error: { code: "home_unavailable", message: expect.stringContaining("is a file"), cause: null },
      },
    });
  }
});
