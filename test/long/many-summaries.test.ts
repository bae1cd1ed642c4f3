import { expect, test } from "vitest";
import { desk, memory } from "../workspace/bench.ts";
import { frailFiles } from "../workspace/frail-files.ts";

test("4096 summaries with one changed: one file is written, and the mark", async () => {
  const d = await desk();
  const inputs = (changed: string) =>
    Array.from({ length: 4096 }, (_, n) =>
      memory(`thread-${n}`, { rolloutSummary: n === 77 ? changed : "same", rolloutSlug: `s${n}` }),
    );
  await (await d.begin("r1", inputs("before"))).complete();
  const files = frailFiles();
  const run = (await d.begin("r2", inputs("after"))).again({ files });
  await run.complete({});
  const written = files.done.filter(({ kind, path }) => kind === "rename" && path.startsWith(d.root));
  expect(written.map(({ path }) => path.slice(d.root.length + 1))).toEqual([
    expect.stringMatching(/^rollout_summaries\/.*-s77\.md$/),
    // The mark names the generation that the folder holds now.
    ".slowwave",
  ]);
}, 120_000);
