import { spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import { createAgentRegistry } from "../../src/agents/agent-registry.ts";
import type { AgentHandle, AgentRunner } from "../../src/domain/agent.ts";
import type { Status } from "../../src/domain/status.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { type CloseDeps, closeAgent } from "../../src/services/close-agent.ts";
import { agentPlace } from "../../src/testing/agents.ts";
import { recordedHolder } from "./lease-holder.ts";
import { manualClock } from "./manual-clock.ts";
import { scriptedHandle, scriptedRunner } from "./scripted-handle.ts";

const NOBODY = 65_534;
const DAY_MS = 24 * 60 * 60 * 1_000;

test("closes every agent of the run, clears staging, and does nothing the second time", async () => {
  const { close, registry, places, orphansAsked } = setup();
  const [first, second, other] = [
    scriptedHandle("r1/agent/0"),
    scriptedHandle("r1/agent/1"),
    scriptedHandle("r2/agent/0"),
  ];
  registry.add("r1", first.handle);
  registry.add("r1", second.handle);
  registry.add("r2", other.handle);
  await close("succeeded");
  expect([first.asked, second.asked, other.asked]).toEqual([["close"], ["close"], []]);
  expect(registry.ofRun("r1")).toEqual([]);
  expect(existsSync(places.runFolder)).toBe(false);
  expect(orphansAsked).toEqual([]);
  await close("succeeded");
  expect(first.asked).toEqual(["close"]);
});

test("an agent that this process does not hold is ended as an orphan", async () => {
  const { close, orphansAsked, places } = setup();
  await close("failed_agent");
  expect(orphansAsked).toEqual([places.runFolder]);
});

test("a start that is still under way is waited for and closed", async () => {
  const { close, registry } = setup();
  const late = scriptedHandle();
  let start = () => {};
  registry.starting(
    "r1",
    new Promise<void>((resolve) => {
      start = () => {
        registry.add("r1", late.handle);
        resolve();
      };
    }),
  );
  const closing = close("cancelled");
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  start();
  await closing;
  expect(late.asked).toEqual(["close"]);
});

test("the lease is renewed before anything is ended; a failed renewal is noted and stops nothing", async () => {
  const order: string[] = [];
  const { close, registry, holder, places } = setup({
    beforeClose: async () => {
      order.push("renew");
      throw new Error("the store is busy");
    },
  });
  const agent = scriptedHandle();
  registry.add("r1", { ...agent.handle, close: async () => void order.push("close") });
  await close("succeeded");
  expect(order).toEqual(["renew", "close"]);
  expect(holder.notes).toEqual([{ type: "lease.unrenewed", data: { why: "the store is busy" } }]);
  expect(existsSync(places.runFolder)).toBe(false);
});

test("an agent that never ends is given up in bounded time, with a code and a finding; of its staging the record of its process stays", async () => {
  const { close, registry, clock, places, holder } = setup();
  writeFileSync(join(places.runFolder, "agent.json"), "{}");
  const stuck: AgentHandle = { ...scriptedHandle().handle, close: () => new Promise(() => {}) };
  registry.add("r1", stuck);
  const closing = close("failed_budget");
  const outcome = expect(closing).rejects.toMatchObject({ code: "agent_unkillable" });
  await clock.advance(30_000);
  await outcome;
  expect(readdirSync(places.runFolder)).toEqual(["agent.json"]);
  expect(registry.ofRun("r1")).toEqual([]);
  expect(holder.notes).toEqual([
    {
      type: "gate.finding",
      data: {
        code: "agent_left",
        severity: "warn",
        path: null,
        message:
          "The agent could not be ended (The agent did not end within 30 s); `slowwave recover` tries again, `slowwave doctor` says whether it still lives.",
        repair: null,
      },
    },
  ]);
});

test("an agent whose close fails is told, after the others are closed", async () => {
  const { close, registry } = setup();
  const good = scriptedHandle("r1/agent/1");
  registry.add("r1", { ...scriptedHandle().handle, close: () => Promise.reject(new Error("pid 7 stays")) });
  registry.add("r1", good.handle);
  await expect(close("failed_agent")).rejects.toThrow("pid 7 stays");
  expect(good.asked).toEqual(["close"]);
});

test("a workspace that can't be removed is told with its cause; the end of the run goes on without it", async () => {
  const refused = Object.assign(new Error("EPERM: operation not permitted, unlink '/s/MEMORY.md'"), {
    code: "EPERM",
  });
  const files = { ...nodeFiles(), open: () => Promise.reject(refused) };
  const { close, holder } = setup({ files });
  await expect(close("succeeded")).rejects.toThrow("EPERM");
  expect(holder.notes).toEqual([
    {
      type: "gate.finding",
      data: {
        code: "staging_left",
        severity: "warn",
        path: null,
        message:
          "The private workspace could not be removed (EPERM: operation not permitted, unlink '/s/MEMORY.md'); `slowwave recover` tries again, and says what to do where it can't.",
        repair: null,
      },
    },
  ]);
});

test("staging that the gate refused is moved aside, once", async () => {
  const { close, places } = setup();
  writeFileSync(join(places.workspace, "MEMORY.md"), "bad");
  mkdirSync(join(places.runFolder, "home"));
  writeFileSync(join(places.runFolder, "home", "auth.json"), "a copy of the person's key");
  await close("failed_invalid_artifacts");
  await close("failed_invalid_artifacts");
  expect(existsSync(places.runFolder)).toBe(false);
  expect(existsSync(join(places.rejected, "workspace", "MEMORY.md"))).toBe(true);
  expect(existsSync(join(places.rejected, "home"))).toBe(false);
});

test("staging that the gate refused is moved aside also where its agent can't be ended, but for the record of the process", async () => {
  const { close, registry, places } = setup();
  writeFileSync(join(places.workspace, "MEMORY.md"), "bad");
  writeFileSync(join(places.runFolder, "agent.json"), "{}");
  registry.add("r1", { ...scriptedHandle().handle, close: () => Promise.reject(new Error("pid 7 stays")) });
  await expect(close("failed_invalid_artifacts")).rejects.toThrow("pid 7 stays");
  expect([readdirSync(places.runFolder), readdirSync(places.rejected)]).toEqual([
    ["agent.json"],
    ["workspace"],
  ]);
});

test("of refused stagings the newest 20 of the last 14 days are kept", async () => {
  const { close, places, clock } = setup();
  const folder = dirname(places.rejected);
  for (let days = 1; days <= 40; days += 1) {
    const old = join(folder, `old${days}`);
    mkdirSync(join(old, "workspace"), { recursive: true });
    const at = new Date(clock.nowMs() - (days - 4) * DAY_MS);
    utimesSync(old, at, at);
  }
  await close("failed_invalid_artifacts");
  const kept = Array.from({ length: 18 }, (_, at) => `old${at + 1}`);
  expect(readdirSync(folder).sort()).toEqual(["r1", ...kept].sort());

  const many = setup();
  const all = dirname(many.places.rejected);
  for (let minutes = 1; minutes <= 30; minutes += 1) {
    mkdirSync(join(all, `young${minutes}`), { recursive: true });
    const at = new Date(many.clock.nowMs() - minutes * 60_000);
    utimesSync(join(all, `young${minutes}`), at, at);
  }
  await many.close("failed_invalid_artifacts");
  const young = Array.from({ length: 19 }, (_, at) => `young${at + 1}`);
  expect(readdirSync(all).sort()).toEqual(["r1", ...young].sort());
});

test("a person may keep fewer refused stagings", async () => {
  const { close, places, clock } = setup({ maxRejected: 2 });
  for (const days of [1, 2, 3]) {
    const old = join(dirname(places.rejected), `old${days}`);
    mkdirSync(old, { recursive: true });
    const at = new Date(clock.nowMs() - days * DAY_MS);
    utimesSync(old, at, at);
  }
  await close("failed_invalid_artifacts");
  expect(readdirSync(dirname(places.rejected)).sort()).toEqual(["old1", "r1"]);
});

test("a refused staging that is gone already is no failure, also where none was ever kept", async () => {
  const { close, places } = setup();
  rmSync(places.runFolder, { recursive: true });
  rmSync(dirname(places.rejected), { recursive: true, force: true });
  await close("failed_invalid_artifacts");
  expect(existsSync(dirname(places.rejected))).toBe(false);
});

test("folders that an agent closed to everyone are removed, also without being root", () => {
  const { places } = agentPlace();
  const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
  // Relative paths: the folders above may be closed to whom this runs as.
  const script = `
    import { chmodSync, existsSync, mkdirSync } from "node:fs";
    import { nodeFiles } from ${source("files/node-files.ts")};
    import { clearStaging } from ${source("services/close-agent.ts")};
    // Root may do everything, so it would prove nothing. It reads the sources first: this checkout may be closed, too.
    if (process.getuid() === 0) {
      process.setgid(${NOBODY});
      process.setuid(${NOBODY});
    }
    mkdirSync("./run/closed/inner", { recursive: true });
    chmodSync("./run/closed/inner", 0);
    chmodSync("./run/closed", 0);
    await clearStaging({ runFolder: "./run" }, { files: nodeFiles(), keep: false });
    process.stdout.write(String(existsSync("./run")));`;
  const root = places.root ?? "";
  mkdirSync(root);
  if (process.getuid?.() === 0) chownSync(root, NOBODY, NOBODY);
  const args = ["--no-warnings", "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: "false", stderr: "" });
});

function setup(differing: Partial<CloseDeps> = {}, scripted: Partial<AgentRunner> = {}) {
  const { places: made } = agentPlace();
  const places = { ...made, rejected: join(dirname(made.rejected), "r1") };
  const { runner, orphansAsked } = scriptedRunner(scripted);
  const registry = createAgentRegistry();
  const clock = manualClock();
  const holder = recordedHolder();
  const logic = closeAgent({ holder, places, runner, registry, clock, files: nodeFiles(), ...differing });
  const close = (status: Status) => {
    const actor = createActor(logic, { input: { run: "r1", space: "global", agent: null, status } });
    const closed = toPromise(actor);
    actor.start();
    return closed;
  };
  return { close, registry, places, orphansAsked, clock, holder };
}
