import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandLine, line, temporaryFolder } from "./invoke.ts";

test("`slowwave checkout` makes a folder of the memory, says what it did, and takes in what was changed in it by hand", async () => {
  const folder = temporaryFolder();
  const { slowwave, json } = commandLine({ stdin: [line({ thread_id: "t1" })] }, folder);
  const to = join(folder, "memory");
  expect(await json("checkout", "--to", to)).toMatchObject({
    code: 2,
    value: { error: { code: "nothing_here" } },
  });
  expect(existsSync(to)).toBe(false);
  await slowwave("import", "-");
  expect(await json("checkout", "--to", to)).toMatchObject({ code: 0, value: { outcome: "nothing" } });
  expect((await slowwave("run")).code).toBe(0);
  const made = await json("checkout", "--to", to);
  expect(made).toMatchObject({
    code: 0,
    value: { space: "global", folder: to, outcome: "brought", edited: null, foreign: [] },
  });
  const handbook = join(to, "MEMORY.md");
  writeFileSync(handbook, `${readFileSync(handbook, "utf8")}- mine\n`);
  const { code, stdout } = await slowwave("checkout", "--to", to);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(
      /^current · .*holds the memory already\n {2}generation .*\n {2}your edits .* generation \S+-edited-\w+\n$/s,
    ),
  ]);
  expect((await slowwave("memory", "show", "MEMORY.md")).stdout).not.toContain("- mine");
  expect(await slowwave("checkout", "--to", "")).toMatchObject({ code: 2 });
  expect((await slowwave("run", "--now")).code).toBe(0);
  const { value } = await json("checkout", "--to", handbook);
  const { code: reason, message } = (value as { error: { code: string; message: string } }).error;
  expect([reason, message]).toEqual([
    "root_not_a_folder",
    expect.stringMatching(/ or use another folder with --to\.$/),
  ]);
});
