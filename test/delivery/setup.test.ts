import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandLine, type Surroundings, temporaryFolder } from "../cli/invoke.ts";

/** A user with Claude Code, Codex and OpenCode, whose `systemctl` answers as is wanted. */
function fresh({ systemctl = "exit 0", ...around }: Surroundings & { readonly systemctl?: string } = {}) {
  const folder = temporaryFolder();
  for (const name of ["bin", ".claude", ".codex", ".local/share/opencode"])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "bin/systemctl"), `#!/bin/sh\n${systemctl}\n`, { mode: 0o755 });
  const env = { PATH: `${join(folder, "bin")}:${process.env.PATH}` };
  const tree = () =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name !== "home" && !name.startsWith("home/"))
      .sort();
  return { ...commandLine({ ...around, env }, folder), tree };
}

const STEPS = ["connect claude", "connect codex", "connect opencode", "schedule"];

test.runIf(process.platform === "linux")(
  "setup says in five lines what it would do, does it after a yes, and is undone by one command",
  async () => {
    const { slowwave, json, tree } = fresh({ stdin: ["yes\n"] });
    const before = tree();
    const { code, stdout, stderr } = await slowwave("setup");
    const words = stderr.split("\n").map((line) => line.split(" ")[0]);
    expect([code, words.slice(0, 5)]).toEqual([0, ["found", "learn", "show", "when", "undo"]]);
    expect(stdout.split("\n").slice(0, 4)).toEqual(STEPS.map((step) => `done ${step}`));
    const { value } = await json("connections");
    const agents = (value as { connections: { agent: string }[] }).connections.map(({ agent }) => agent);
    expect([...new Set(agents)]).toEqual(["claude", "codex", "opencode"]);
    expect((await slowwave("setup", "--undo")).code).toBe(0);
    expect(tree().filter((name) => !/^\.config(?:$|\/systemd)/.test(name))).toEqual(before);
  },
);

test("without a yes nothing is done, and --json never asks", async () => {
  const { json, slowwave, tree, home } = fresh({ stdin: ["no\n"] });
  const before = tree();
  expect(await slowwave("setup")).toMatchObject({ code: 2 });
  expect(await json("setup")).toMatchObject({ code: 2, value: { error: { code: "not_confirmed" } } });
  expect([tree(), readdirSync(join(home, "..")).includes("home")]).toEqual([before, false]);
});

test.runIf(process.platform === "linux")(
  "a machine without a user timer is connected all the same, and left without half a schedule",
  async () => {
    const { json, tree } = fresh({ systemctl: "echo no bus >&2; exit 1" });
    const { code, value } = await json("setup", "--yes");
    const { steps } = value as { steps: { what: string; done: boolean; problem: string | null }[] };
    expect([code, steps.map(({ what, done }) => [what, done])]).toEqual([
      0,
      STEPS.map((what) => [what, what !== "schedule"]),
    ]);
    expect(steps.at(-1)?.problem).toContain("no bus; `slowwave serve --every 30m`");
    expect(tree().filter((name) => name.endsWith(".timer"))).toEqual([]);
    expect((await json("setup", "--undo")).code).toBe(0);
  },
);

test("where there is no agent, setup says which there could be", async () => {
  const { slowwave } = commandLine();
  expect(await slowwave("setup", "--yes")).toMatchObject({
    code: 0,
    stdout: "No agent was found here; there would be Claude Code, Codex, Gemini CLI, OpenCode.\n",
  });
});
