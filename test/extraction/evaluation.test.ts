import { expect, test } from "vitest";
import { generateDataset } from "../../src/eval/generate.ts";
import { throughTranscripts } from "../../src/eval/transcripts.ts";

test("planted facts come through the transcripts of four agents; orders, secrets and moods do not", async () => {
  const drawn = generateDataset(2);
  const [learned, again] = await Promise.all([throughTranscripts(drawn), throughTranscripts(drawn)]);
  expect(again).toEqual(learned);
  const text = learned.batches
    .flat()
    .map(({ rawMemory }) => rawMemory.toLowerCase())
    .join("\n");
  const lasting = drawn.facts.filter(({ stale }) => stale.length === 0);
  const found = lasting.filter(({ keys }) =>
    text.split("\n").some((line) => keys.every((key) => line.includes(key))),
  );
  expect(found.length / lasting.length).toBeGreaterThan(0.85);
  expect(drawn.orders.filter((mark) => text.includes(mark.toLowerCase()))).toEqual([]);
  expect(drawn.secrets.filter((secret) => text.includes(secret.toLowerCase()))).toEqual([]);
  expect(text).not.toContain("looks good, let's do number");
  const agents = new Set(
    learned.batches.flat().map(({ threadId }) => /^(claude|gemini|opencode)-/.exec(threadId)?.[1] ?? "codex"),
  );
  expect([...agents].sort()).toEqual(["claude", "codex", "gemini", "opencode"]);
});
