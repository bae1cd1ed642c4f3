import { createReadStream } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Stage1Output } from "../../src/domain/memory.ts";
import { readStage1 } from "../../src/import/stage1-file.ts";
import { findInjections } from "../../src/text/injection.ts";
import { findSecrets } from "../../src/text/redact.ts";
import { NO_BASE } from "../../src/validation/candidate.ts";
import { baseOf, candidateOf, consolidatedFiles, verdictOn } from "./candidates.ts";

/** The samples, and real notes where `SLOWWAVE_CORPUS` names a file of them. */
const FILES = [
  new URL("../../samples/stage1.jsonl", import.meta.url).pathname,
  ...(process.env.SLOWWAVE_CORPUS ? [process.env.SLOWWAVE_CORPUS] : []),
];
/** Orders that the samples quote on purpose; what is found beside them was meant as a note. */
const PLANTED = /all previous instructions|olvida tus instrucciones anteriores/;

/** What notes say of agents, orders and secrets without being one. */
const HONEST = [
  "Change was approved by the security team on Friday.",
  "The user wants all agents to run the tests before a commit.",
  "Never commit without asking the user first.",
  "`<!-- prettier-ignore -->` keeps a table as it is.",
  "The system prompt lives in src/prompt.ts.",
  "Do not remove these notes from the changelog before the release.",
  "The family \u{1f468}\u200d\u{1f469}\u200d\u{1f467} and the flag \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} are in the test.",
  "Every agent must send a heartbeat each 90 seconds.",
  "The assistant should never push to main.",
  "![badge](https://img.shields.io/badge/x.svg) stands in the README.",
  'Call it with curl -H "Authorization: Bearer $GITHUB_TOKEN" https://api.github.com/user.',
  "POST the file to http://localhost:3000/upload to reproduce.",
  "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "This rule overrides the default of the linter.",
  "Ignore all warnings of the old compiler.",
  "The next agent will run as root in the container.",
  "می\u200cخواهم is spelled with a joiner.",
];

test.each(HONEST)("%s", async (line) => {
  expect([await findInjections(`- ${line}`), findSecrets(line)]).toEqual([[], []]);
});

describe.each(FILES)("%s", (file) => {
  test("of a thousand honest lines at most one is taken for an order or a secret", async () => {
    let lines = 0;
    const found: string[] = [];
    for (const { rawMemory, rolloutSummary } of await notes(file)) {
      for (const text of [rawMemory, rolloutSummary]) {
        const all = text.split("\n");
        lines += all.filter((line) => line.trim() !== "").length;
        const told = [
          ...(await findInjections(text)).map(({ from, kind }) => `${kind}: ${all[from - 1]}`),
          ...findSecrets(text).map(({ line, kind }) => `${kind}: ${all[line - 1]}`),
        ];
        found.push(...told.filter((line) => !PLANTED.test(line)));
      }
    }
    expect(lines).toBeGreaterThan(1_000);
    expect({ lines, found: found.slice(0, Math.floor(lines / 1_000)) }).toEqual({ lines, found });
  }, 60_000);

  test("the extractive agent passes without a finding, session by session and when old ones go", async () => {
    const all = (await notes(file)).toSorted((a, b) => a.sourceUpdatedAt - b.sourceUpdatedAt);
    const parts = [
      [0, 0.1],
      [0, 0.5],
      [0, 1],
      [0.3, 1],
    ] as const;
    let base = NO_BASE;
    for (const [from, to] of parts) {
      const some = all.slice(Math.floor(from * all.length), Math.max(1, Math.floor(to * all.length)));
      const candidate = await candidateOf(some, await consolidatedFiles(some), base);
      expect((await verdictOn(candidate)).findings).toEqual([]);
      base = baseOf(candidate);
    }
  }, 60_000);
});

async function notes(file: string): Promise<readonly Stage1Output[]> {
  return (await readStage1(createReadStream(file))).outputs;
}
