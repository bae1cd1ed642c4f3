import { expect, test } from "vitest";
import { desk, HANDBOOK, memory, tree } from "../workspace/bench.ts";
import { SECRETS } from "./secret-samples.ts";

test("a secret that another program wrote into the store is in no file that is published", async () => {
  const [[, text = "", secret = ""] = []] = SECRETS;
  const d = await desk();
  const run = await d.begin("r1", [
    memory("a", { rawMemory: `- use ${text}`, rolloutSummary: `said ${text} and ${text}` }),
    memory("b"),
  ]);
  const base = await run.sync();
  await run.agent(HANDBOOK);
  expect((await run.verify(base)).verdict).toBe("passed");
  const summary = Object.keys((await tree(run.workspace)) ?? {}).find((path) => path.includes("/")) ?? "";
  expect(run.findings.map(({ code, severity, message }) => `${code} ${severity}: ${message}`)).toEqual([
    "input_secret warn: What looks like a secret was replaced in raw_memories.md; the session came into the store past the import. Import it again, or take it out with `slowwave purge`.",
    expect.stringMatching(
      /^input_secret warn: 2 places that look like secrets were replaced in rollout_summaries\//,
    ),
  ]);
  expect((await run.publish(base)).kind).toBe("published");
  const published = await tree(d.root);
  expect(JSON.stringify(published)).not.toContain(secret);
  expect(published?.["raw_memories.md"]).toContain("- use [REDACTED_SECRET]");
  expect(Object.keys(published ?? {})).toContain(summary);
});
