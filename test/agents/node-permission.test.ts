import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { confinedNode, probeNodePermission } from "../../src/sandbox/node-permission.ts";
import { agentPlace, allOf, expectNoneLeft } from "../../src/testing/agents.ts";
import { realClock } from "./real-clock.ts";
import { scriptedAgent } from "./scripted-agent.ts";

expectNoneLeft();

const HOSTILE = `
import fs from "node:fs";
import { spawnSync } from "node:child_process";
import { Worker } from "node:worker_threads";
const [workspace, outside] = [process.argv[2], process.argv[2] + "/../../.."];
const attempts = {
  "read own code": () => fs.readFileSync(import.meta.filename),
  "write inside": () => fs.writeFileSync(workspace + "/made", "x"),
  "rename inside": () => fs.renameSync(workspace + "/made", workspace + "/moved"),
  "read a secret": () => fs.readFileSync(outside + "/secret"),
  "list the home": () => fs.readdirSync(outside),
  "write outside": () => fs.writeFileSync(outside + "/planted", "x"),
  "link a secret in": () => fs.linkSync(outside + "/secret", workspace + "/linked"),
  "link the way out": () => fs.symlinkSync(outside, workspace + "/out"),
  "start a process": () => spawnSync("ls"),
  "start a worker": () => new Worker("0", { eval: true }),
  "look at other processes": () => fs.readFileSync("/proc/1/environ"),
};
const results = Object.entries(attempts).map(([name, attempt]) => {
  try { attempt(); return [name, "done"]; } catch (error) { return [name, error.code]; }
});
console.log(JSON.stringify({ type: "completed", message: JSON.stringify(Object.fromEntries(results)) }));
`;

test("code under the permission model works in its workspace and is denied everything else", async () => {
  const { spec } = agentPlace();
  const home = dirname(dirname(spec.runFolder));
  const code = join(home, "code");
  mkdirSync(code);
  writeFileSync(join(code, "main.mjs"), HOSTILE);
  writeFileSync(join(home, "secret"), "secret");
  const { workspace, key } = spec;
  const runner = scriptedAgent("", {
    command: () => {
      const env = { SLOWWAVE_RUN: key };
      return confinedNode({ node: process.execPath, main: join(code, "main.mjs"), code, workspace, env });
    },
  });
  const last = (await allOf(await runner.spawn(spec, realClock))).at(-1) as { message: string };
  expect(JSON.parse(last.message)).toEqual({
    "read own code": "done",
    "write inside": "done",
    "rename inside": "done",
    "read a secret": "ERR_ACCESS_DENIED",
    "list the home": "ERR_ACCESS_DENIED",
    "write outside": "ERR_ACCESS_DENIED",
    "link a secret in": "ERR_ACCESS_DENIED",
    "link the way out": "ERR_ACCESS_DENIED",
    "start a process": "ERR_ACCESS_DENIED",
    "start a worker": "ERR_ACCESS_DENIED",
    "look at other processes": "ERR_ACCESS_DENIED",
  });
});

test("a path that the model would take for a wildcard is refused before anything starts", async () => {
  const { spec } = agentPlace();
  const workspace = join(spec.workspace, "a*");
  mkdirSync(workspace);
  const refused = confinedNode({ node: "node", main: "main.mjs", code: spec.runFolder, workspace, env: {} });
  await expect(refused).rejects.toMatchObject({ code: "failed_sandbox_policy" });
});

test("a Node that confines is told from one that does not, and from one that isn't there", async () => {
  const { spec } = agentPlace();
  const careless = join(spec.runFolder, "node");
  writeFileSync(careless, `#!/bin/sh\nexec "${process.execPath}" "$2" "$3" "$4"\n`);
  chmodSync(careless, 0o755);
  const missing = { missing: expect.stringContaining("Node 22.14") };
  expect(await probeNodePermission(process.execPath)).toEqual({
    sandbox: "node-permission",
    network: Number(process.versions.node.split(".")[0]) < 25 ? "open" : "none",
  });
  expect(await probeNodePermission(careless)).toEqual(missing);
  expect(await probeNodePermission(join(spec.runFolder, "none"))).toEqual(missing);
});
