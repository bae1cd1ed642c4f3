import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { here } from "../sandbox/here.ts";
import { commandLine, line, temporaryFolder } from "./invoke.ts";

const CHILD = fileURLToPath(new URL("../agents/scripted-codex.child.ts", import.meta.url));
const PATH = process.env.PATH ?? "";

afterEach(() => {
  process.env.PATH = PATH;
});

/** Nothing but the system's own commands and, when it is given a behaviour, a `codex` that behaves so. */
function onPath(behaviour?: string): void {
  const folder = temporaryFolder();
  if (behaviour !== undefined) {
    const node = `'${process.execPath}' --experimental-strip-types --no-warnings`;
    writeFileSync(join(folder, "codex"), `#!/bin/sh\nexec ${node} '${CHILD}' '${behaviour}' "$@"\n`);
    chmodSync(join(folder, "codex"), 0o755);
  }
  process.env.PATH = [folder, dirname("/bin/sh"), dirname("/usr/bin/env")].join(delimiter);
}

const extractive = {
  name: "extractive",
  here: true,
  version: null,
  // The room around it where there is one.
  ...(here
    ? { sandbox: "bubblewrap+node-permission", network: "none" }
    : { sandbox: "node-permission", network: expect.any(String) }),
  usesModel: false,
  repairs: false,
  missing: null,
};

test("agents lists what is here and what it can do", async () => {
  onPath("good");
  const { value, code } = await commandLine().json("agents");
  expect(code).toBe(0);
  const { agents } = value as { readonly agents: readonly { readonly name: string }[] };
  expect(agents.filter(({ name }) => name === "extractive" || name === "codex")).toEqual([
    extractive,
    {
      name: "codex",
      here: true,
      version: "0.169.0",
      sandbox: "codex",
      network: "open",
      usesModel: true,
      repairs: true,
      missing: null,
    },
  ]);
});

test("agents says what is missing and the command that brings it, and is no failure", async () => {
  onPath();
  const { stdout, code } = await commandLine().slowwave("agents");
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^here {4}extractive {2}sandbox (bubblewrap\+)?node-permission · network \w+ · no model · one turn$/m,
  );
  expect(stdout).toContain("missing codex       network open · a model · can repair\n");
  expect(stdout).toContain(
    "→ Codex is not here: there is no `codex` on PATH. Install it with `npm install -g",
  );
});

test("a run with the agent codex tells who worked and why it failed", async () => {
  onPath("failing");
  const { json, slowwave } = commandLine({ stdin: [`${line()}\n`] });
  await slowwave("import", "-");
  expect(await json("run", "--agent", "codex", "--model", "gpt-test")).toMatchObject({
    code: 1,
    value: {
      outcome: "failed",
      status: "failed_agent",
      reason: {
        code: "failed_agent",
        cause: expect.stringContaining("exceeded retry limit, last status: 429"),
      },
      agent: { name: "codex", threadId: "thread-1", sandbox: "codex", turns: 1 },
    },
  });
});

test("a run with the agent codex where there is none ends before the claim, and counts no failure", async () => {
  onPath();
  const { json, slowwave } = commandLine({ stdin: [`${line()}\n`] });
  await slowwave("import", "-");
  expect(await json("run", "--agent", "codex")).toMatchObject({
    code: 2,
    value: { error: { code: "agent_missing", cause: null } },
  });
  expect(await json("status")).toMatchObject({ value: { job: { status: "pending", retry_remaining: 3 } } });
});
