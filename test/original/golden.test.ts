import { describe, expect, test } from "vitest";
import { expectGolden, goldenNames } from "./golden.ts";
import { STORIES } from "./stories.ts";
import { transcript } from "./transcript.ts";
import { originalWorld, STORES } from "./world.ts";

/**
 * Everything a run tells, counts, writes and publishes, compared with a text on file: the same one for each store.
 * `UPDATE_GOLDEN=1 npx vitest run test/original/golden.test.ts` rewrites the files.
 */
for (const [name, open] of STORES) {
  describe(`whole runs, told (${name})`, () => {
    test.each(Object.entries(STORIES))("%s", async (file, { title, play }) => {
      const world = await originalWorld(open);
      const said = transcript(title, world);
      await play(world, said);
      expectGolden(file, said.text());
    });
  });
}

test("there is no text on file that nobody tells", () => {
  expect(goldenNames()).toEqual(Object.keys(STORIES).sort());
});
