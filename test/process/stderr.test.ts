import { expect, test } from "vitest";
import { tail } from "../../src/process/line-reader.ts";
import { agentPlace, allOf, expectNoneLeft } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { scriptedAgent } from "../agents/scripted-agent.ts";

expectNoneLeft();

/** In pieces, so that no tool takes the test itself for a leak. */
const KEY = ["ghp", "0123456789abcdefghijABCDEFGHIJ012345"].join("_");

async function causeOf(script: string): Promise<string> {
  const { spec } = agentPlace();
  const handle = await scriptedAgent(script).spawn(spec, realClock);
  const last = (await allOf(handle)).at(-1);
  await handle.close();
  return last?.type === "agent.errored" ? last.message : "";
}

test("a key that a process writes to its stderr is not in the cause of its failure", async () => {
  expect(await causeOf(`console.error("denied for token ${KEY}"); process.exitCode = 1;`)).toBe(
    "the agent exited with code 1 without saying that it was done: denied for token [REDACTED_SECRET]",
  );
});

test("nor is the end of one that the cause would begin with", async () => {
  const rest = "x".repeat(380);
  expect(await causeOf(`console.error("${KEY} ${rest}"); process.exitCode = 1;`)).not.toContain(
    KEY.slice(-10),
  );
});

test("what is kept of a flood begins with a whole word, however it came in", () => {
  const kept = tail(16);
  kept.feed(Buffer.from("aaaa bbbb "));
  expect(kept.text()).toBe("aaaa bbbb ");
  kept.feed(Buffer.from("cccc dddd"));
  expect(kept.text()).toBe("… bbbb cccc dddd");
  kept.feed(Buffer.from("e".repeat(40)));
  expect(kept.text()).toBe("…");
});
