import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { commandLine, line } from "../cli/invoke.ts";
import { installed } from "./installed.ts";

/** The official inspector as another client of `slowwave mcp`. */
const commands = installed("@modelcontextprotocol/inspector", "2.12.0");

test.runIf(commands !== null)("the inspector lists the tools, and finds a line of the memory", async () => {
  const here = commandLine({ stdin: [line()] });
  await here.slowwave("import", "-");
  await here.slowwave("run");
  const inspect = (...words: readonly string[]) => {
    const server = [process.execPath, resolve("bin/slowwave.js"), "mcp", "--home", here.home];
    const args = [join(commands ?? "", "mcp-inspector"), "--cli", ...server, ...words];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 })) as {
      readonly tools?: readonly { readonly name: string }[];
      readonly content?: readonly { readonly text: string }[];
    };
  };
  expect(inspect("--method", "tools/list").tools?.map(({ name }) => name)).toEqual([
    "memory_search",
    "memory_read",
    "memory_recall",
    "memory_note",
  ]);
  const call = ["--method", "tools/call", "--tool-name", "memory_search", "--tool-arg", "words=node build"];
  expect(inspect(...call).content?.[0]?.text).toMatch(/^MEMORY\.md:\d+: - The build needs Node 22\./);
});
