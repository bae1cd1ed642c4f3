import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { watchGrowth } from "../../src/agents/watchers.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { createTestClock } from "../../src/testing/clock.ts";

test.each([
  ["opens no further folder once nobody listens to it", true, ["/workspace"]],
  ["goes on to the next folder while somebody does", false, ["/workspace", "/home"]],
])("a meter of growth %s", async (_, isStopped, expected) => {
  const opened: string[] = [];
  let missing = () => {};
  const files = {
    ...nodeFiles(),
    open: (path: string) => {
      opened.push(path);
      return new Promise<never>((__, reject) => {
        missing = () => reject(new Error("it is not there"));
      });
    },
  };
  const folders = ["/workspace", "/home"].map((path) => ({
    path,
    title: path,
    start: null,
    maxBytes: 1,
    maxFiles: 1,
  }));
  const watching = watchGrowth({ clock: createTestClock(), files, folders }).subscribe();
  if (isStopped) watching.unsubscribe();
  missing();
  await turn();
  expect(opened).toEqual(expected);
  watching.unsubscribe();
});
