import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bundled } from "./bundled.ts";

const MB = 1_000_000;
const SIZE = 500 * MB;
const MOST_RESIDENT = 120 * MB;
const ID = "90e8fce3-061f-45ef-941c-431a103557b8";
const folder = mkdtempSync(join(tmpdir(), "slowwave-long-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Turns with tools, each some ten kilobytes. Answers how many utterances are in it. */
function lay(path: string, turn: (at: number, output: string) => readonly object[], each: number): number {
  const file = openSync(path, "w");
  const output = "a line of output that nobody will ever read again\n".repeat(200);
  let at = 0;
  for (let bytes = 0; bytes < SIZE; at += 1)
    bytes += writeSync(
      file,
      turn(at, output)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(""),
    );
  closeSync(file);
  return at * each;
}

const timestamp = (at: number) => new Date(Date.UTC(2026, 0) + at * 1_000).toISOString();

const FORMATS: Readonly<Record<string, () => number>> = {
  [`${ID}.jsonl`]: () =>
    lay(
      join(folder, `${ID}.jsonl`),
      (at, output) => {
        const common = { sessionId: ID, cwd: "/w/shop", version: "2.1.328", timestamp: timestamp(at) };
        const call = { type: "tool_use", id: `call-${at}`, name: "Bash", input: { command: "npm test" } };
        const result = { type: "tool_result", tool_use_id: `call-${at}`, content: `${output}${at}` };
        return [
          { type: "user", uuid: `u${at}`, message: { content: `Run them for the ${at}th time.` }, ...common },
          { type: "assistant", uuid: `a${at}`, message: { content: [call] }, ...common },
          { type: "user", uuid: `r${at}`, message: { content: [result] }, ...common },
        ];
      },
      2,
    ),
  "session-long.jsonl": () =>
    lay(
      join(folder, "session-long.jsonl"),
      (at, output) => {
        const head = { sessionId: "long", projectHash: "0", startTime: timestamp(0) };
        const toolCalls = [
          {
            id: `${at}`,
            name: "run_shell_command",
            args: { command: "npm test" },
            status: "success",
            result: [{ functionResponse: { response: { output } } }],
          },
        ];
        return [
          ...(at === 0 ? [head] : []),
          {
            id: `u${at}`,
            type: "user",
            timestamp: timestamp(at),
            content: [{ text: `Run them for the ${at}th time.` }],
          },
          { id: `g${at}`, type: "gemini", timestamp: timestamp(at), content: "", toolCalls },
        ];
      },
      2,
    ),
};

test.each(Object.keys(FORMATS))("a session of 500 MB is read in less than 120 MB: %s", async (name) => {
  const said = FORMATS[name]?.();
  const program = await bundled("test/long/read-transcript.child.ts", folder);
  const printed = execFileSync(process.execPath, [program, join(folder, name)], { encoding: "utf8" });
  rmSync(join(folder, name));
  const result = JSON.parse(printed) as { said: number; most: number };
  console.log(`${name}: at most ${(result.most / MB).toFixed(0)} MB resident`);
  expect(result.said).toBe(said);
  expect(result.most).toBeLessThan(MOST_RESIDENT);
});
