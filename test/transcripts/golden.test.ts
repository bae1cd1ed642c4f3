import { basename } from "node:path";
import { expect, test } from "vitest";
import { layDemoSessions } from "../../scripts/demo-sessions.ts";
import { listSessions, READERS, transcriptAt } from "../../src/transcripts/index.ts";
import { freshFolder, listed, readAll, readAt, SAMPLE_FILES, SAMPLES, talk } from "./samples.ts";

test.each(SAMPLE_FILES)("%s is read as it always was", async (name) => {
  const file = await transcriptAt(`${SAMPLES}/${name}`);
  const { root, path, inode, changedAt, fingerprint, bytes, ...session } =
    await READERS[file.agent].describe(file);
  expect(basename(path)).toBe(name);
  const { utterances, report } = await readAt(`${SAMPLES}/${name}`);
  const said = utterances.map(
    ({ at, ...said }) => `${at === null ? "-" : new Date(at).toISOString()} ${talk([said as never])[0]}`,
  );
  const page = [JSON.stringify(session, null, 1), ...said, JSON.stringify(report, null, 1), ""].join("\n");
  await expect(page).toMatchFileSnapshot(`golden/${name.replace(/\.jsonl?$/, "")}.txt`);
});

test("the samples, laid where the agents keep them, are found with their keys, folders and kinds", async () => {
  const home = freshFolder();
  const now = Date.UTC(2026, 11, 24, 12);
  const { project, keys } = layDemoSessions(home, now);
  const files = await listed(listSessions({ env: {}, home, platform: "linux" }));
  const sessions = await Promise.all(files.map((file) => READERS[file.agent].describe(file)));
  expect(sessions.filter(({ kind }) => kind === "session").map(({ key }) => key)).toEqual([...keys].sort());
  expect(sessions.filter(({ kind }) => kind === "helper").map(({ key, parent }) => [key, parent])).toEqual([
    ["claude-agent-ab0630cfcab1cfe21", "claude-ac8d3814-37e8-4a8f-a424-a920db1fdcd2"],
  ]);
  expect(new Set(sessions.map(({ cwd }) => cwd))).toEqual(new Set([project]));
  for (const { saidAt } of sessions) {
    expect(saidAt).toBeGreaterThan(now - 25 * 3_600_000);
    expect(saidAt).toBeLessThanOrEqual(now - 24 * 3_600_000);
  }
});

test("four agents tell of the same work the same way", async () => {
  const home = freshFolder();
  layDemoSessions(home, Date.UTC(2026, 11, 24, 12));
  const files = await listed(listSessions({ env: {}, home, platform: "linux" }));
  const talks = new Map<string, readonly string[]>();
  for (const file of files.filter(({ key }) => !/ac8d3814|agent-/.test(key))) {
    const { utterances } = await readAll(file);
    const work = utterances.filter(
      ({ tier, tool }) => tier === "person" || tier === "final" || tool?.command,
    );
    talks.set(
      file.agent,
      work.map(({ tier, text, tool }) => `${tier} ${tool?.command ?? text} ${tool?.ok ?? ""}`),
    );
  }
  expect([...talks.keys()].sort()).toEqual(["claude", "codex", "gemini", "opencode"]);
  for (const told of talks.values()) expect(told).toEqual(talks.get("claude"));
});
