import { expect, test } from "vitest";
import { transcript, type Utterance } from "../../src/agents/transcript.ts";
import { SECRETS } from "../validation/secret-samples.ts";
import { manualClock } from "./manual-clock.ts";

const MARK = "[REDACTED_SECRET]";
const KEY = `sk-${"ant-api03-"}aB3dE5fG7hJ9kL2maB3dE5fG7hJ9kL2m`;

test.each(SECRETS)("%s is not kept, whoever says it", (_, text, secret) => {
  const { talk, kept } = setup();
  for (const type of ["agent.message", "agent.thought", "agent.tool"] as const) {
    talk.add({ type, text: `I use ${text} here.`, ...(type === "agent.tool" ? { name: "shell" } : {}) });
  }
  talk.close(`done with ${text}`);
  expect(kept).toHaveLength(4);
  expect(JSON.stringify(kept)).not.toContain(secret);
  expect(kept.every(({ text }) => text.includes(MARK))).toBe(true);
});

test.each([
  [["key: ", KEY], `key: ${MARK}`],
  [[`the key is ${KEY.slice(0, 20)}`, `${KEY.slice(20)}, keep it`], `the key is ${MARK}${MARK}, keep it`],
  [[`x ${KEY.slice(0, 12)}`, KEY.slice(12, 25), KEY.slice(25), " end."], `x ${MARK}${MARK}${MARK} end.`],
  [["password", ": ", "hunt", "er2hunter2"], `password: ${MARK}${MARK}`],
] as const)("a secret in pieces is not kept: %j", (pieces, all) => {
  const { talk, kept } = setup();
  for (const text of pieces) talk.add({ type: "agent.message", text });
  talk.close(null);
  expect(kept.map(({ text }) => text).join("")).toBe(all);
});

test("a key of many lines, line by line, is not kept", () => {
  const { talk, kept } = setup();
  const lines = [..."abcdefgh"].map((letter) =>
    letter.toUpperCase().repeat(31).concat(`${letter}9`).repeat(2),
  );
  talk.add({ type: "agent.message", text: `-----BEGIN RSA PRIV${"ATE KEY"}-----\n` });
  for (const line of lines) talk.add({ type: "agent.message", text: `${line}\n` });
  talk.close(null);
  expect(lines.filter((line) => JSON.stringify(kept).includes(line))).toEqual([]);
});

test("what ends in the middle of a word waits for the rest, but not for ever; whole sentences don't wait", async () => {
  const { talk, kept, clock } = setup();
  talk.add({ type: "agent.message", text: "Reading rollout_summaries/a.md" });
  talk.add({ type: "agent.message", text: "It is done" });
  expect(kept.map(({ text }) => text)).toEqual(["Reading rollout_summaries/a.md", "It is done"]);
  talk.add({ type: "agent.message", text: "see a_b-3" });
  expect(kept).toHaveLength(2);
  await clock.advance(1_999);
  expect(kept).toHaveLength(2);
  await clock.advance(1);
  expect(kept).toHaveLength(3);
  expect(clock.pending()).toBe(0);
});

test("the order in which things were said is kept", () => {
  const { talk, kept } = setup();
  talk.add({ type: "agent.message", text: "see a_b-3" });
  talk.add({ type: "agent.tool", name: "shell", text: "ls a_b" });
  talk.add({ type: "agent.thought", text: "hm" });
  expect(kept.map(({ type }) => type)).toEqual(["agent.message", "agent.tool", "agent.thought"]);
});

test("what is said and what is thought are read apart", () => {
  const { talk, kept } = setup();
  talk.add({ type: "agent.message", text: "see a_b-3" });
  talk.add({ type: "agent.thought", text: "password: " });
  talk.add({ type: "agent.message", text: " and more." });
  talk.add({ type: "agent.thought", text: "hunter2hunter2." });
  talk.close(null);
  expect(kept.map(({ text }) => text)).toEqual(["see a_b-3", "password: ", " and more.", MARK]);
});

test("a secret is found before a text is cut to what is kept", () => {
  const { talk, kept } = setup();
  talk.add({ type: "agent.message", text: `${"x ".repeat(990)}${KEY} end.` });
  expect(JSON.stringify(kept)).not.toContain(KEY.slice(0, 12));
  expect(kept[0]?.text).toHaveLength(2_000);
});

test("beginning and end are kept of a flood, in bounded room and time, and no secret of the end", () => {
  const { talk, kept } = setup();
  for (let at = 0; at < 100_000; at += 1) talk.add({ type: "agent.thought", text: `thought ${at}.` });
  talk.add({ type: "agent.thought", text: `a key: ${KEY.slice(0, 20)}` });
  talk.add({ type: "agent.thought", text: KEY.slice(20) });
  talk.close("done");
  expect(kept).toHaveLength(1_000 + 1 + 100 + 1);
  expect(kept[999]?.text).toBe("thought 999.");
  expect(kept[1_000]?.text).toBe("(98,902 lines are not kept here)");
  expect(kept.slice(-4).map(({ text }) => text)).toEqual(["thought 99999.", `a key: ${MARK}`, MARK, "done"]);
});

test("the room is one for all agents of a run", () => {
  const transcriptBudget = { notes: 998, length: 0 };
  const [first, second] = [setup(transcriptBudget), setup(transcriptBudget)];
  first.talk.add({ type: "agent.thought", text: "one." });
  second.talk.add({ type: "agent.thought", text: "two." });
  second.talk.add({ type: "agent.thought", text: "three." });
  expect([first.kept.length, second.kept.length]).toEqual([1, 1]);
  second.talk.close(null);
  expect(second.kept.map(({ text }) => text)).toEqual(["two.", "three."]);
});

function setup(transcriptBudget = { notes: 0, length: 0 }) {
  const clock = manualClock();
  const kept: Utterance[] = [];
  const talk = transcript({
    clock,
    transcriptBudget,
    note: (type, data) => void kept.push({ type, ...data }),
  });
  return { talk, kept, clock };
}
