import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DOMParser } from "@xmldom/xmldom";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ScheduleRequest, schedulePlan } from "../../src/delivery/schedule.ts";
import {
  readScheduleState,
  scheduleComplaint,
  scheduleStateAfter,
} from "../../src/delivery/schedule-state.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { createApp } from "../../src/server/index.ts";
import { commandLine, line, temporaryFolder } from "../cli/invoke.ts";

const ODD = ["/opt/no de/node", 'C:\\a "b"\\slow&<wave>%h$HOME.js'];

function request(some: Partial<ScheduleRequest> = {}): ScheduleRequest {
  return {
    platform: "linux",
    env: {},
    user: "/home/dev",
    home: "/home/dev/.local/state/slowwave",
    space: "global",
    isUsualHome: true,
    program: ["/usr/bin/node", "/usr/lib/slowwave.js"],
    everyMinutes: 30,
    uid: 1000,
    ...some,
  };
}

describe("what schedules learning", () => {
  test("on Linux is a user timer of systemd that asks for missed rounds", () => {
    const { files, enable } = schedulePlan(request());
    expect(files.map(({ path }) => path)).toEqual([
      "/home/dev/.config/systemd/user/slowwave.service",
      "/home/dev/.config/systemd/user/slowwave.timer",
    ]);
    expect(files[0]?.text).toContain(
      "\nExecStart=/usr/bin/node /usr/lib/slowwave.js schedule tick --home /home/dev/.local/state/slowwave\n",
    );
    expect(files[1]?.text).toContain("\nOnCalendar=*:0/30\nPersistent=true\n");
    expect(enable.at(-1)).toEqual(["systemctl", "--user", "enable", "--now", "slowwave.timer"]);
  });

  const verifier = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test.runIf(verifier)("passes `systemd-analyze verify`, with odd paths, too", () => {
    const folder = temporaryFolder();
    for (const everyMinutes of [5, 30, 60, 360, 1440]) {
      const program = [process.execPath, join(folder, 'odd "name" %h $HOME.js')];
      const { files } = schedulePlan(request({ user: folder, everyMinutes, program }));
      for (const { path, text } of files) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
      // It wants a folder for its sockets, which there is no session to give.
      const env = { ...process.env, XDG_RUNTIME_DIR: folder };
      const paths = files.map(({ path }) => path);
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--user", ...paths], { env });
      expect([everyMinutes, status, stderr.toString().includes("slowwave.")]).toEqual([
        everyMinutes,
        0,
        false,
      ]);
    }
  });

  test("on a Mac is an agent of launchd, whose words are those of the command", () => {
    const { files, enable } = schedulePlan(request({ platform: "darwin", program: ODD }));
    expect(files[0]?.path).toBe("/home/dev/Library/LaunchAgents/dev.slowwave.plist");
    const strings = elements(files[0]?.text ?? "", "string");
    expect(strings).toEqual([
      "dev.slowwave",
      ...ODD,
      "schedule",
      "tick",
      "--home",
      request().home,
      "Background",
    ]);
    expect(elements(files[0]?.text ?? "", "integer")).toEqual(["1800"]);
    expect(enable).toEqual([["launchctl", "bootstrap", "gui/1000", files[0]?.path]]);
  });

  test("on Windows is a task whose arguments come out as they went in", () => {
    const { files, disable } = schedulePlan(request({ platform: "win32", program: ODD }));
    const text = files[0]?.text ?? "";
    expect([elements(text, "Command"), elements(text, "Interval")]).toEqual([[ODD[0]], ["PT30M"]]);
    expect(elements(text, "Arguments")[0]).toBe(
      `"C:\\a \\"b\\"\\slow&<wave>%h$HOME.js" schedule tick --home ${request().home}`,
    );
    expect(disable).toEqual([["schtasks", "/delete", "/tn", "slowwave", "/f"]]);
  });

  test("has a name of its own for each home and space", () => {
    const names = [
      request(),
      request({ space: "work" }),
      request({ home: "/other", isUsualHome: false }),
    ].map((one) => schedulePlan(one).name);
    expect([names[0], new Set(names).size]).toEqual(["slowwave", 3]);
  });

  test("is refused where nothing is known, and for what no scheduler can say", () => {
    const codeOf = (some: Partial<ScheduleRequest>) => {
      try {
        return schedulePlan(request(some)).name;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect([codeOf({ platform: "aix" }), codeOf({ everyMinutes: 7 })]).toEqual([
      "schedule_unsupported",
      "invalid_usage",
    ]);
  });
});

function elements(xml: string, name: string): readonly string[] {
  const found = new DOMParser()
    .parseFromString(xml.replace("UTF-16", "UTF-8"), "text/xml")
    .getElementsByTagName(name);
  return [...found].map((element) => element.textContent ?? "");
}

/** A command line whose `systemctl` and `loginctl` are scripts of this test. */
function scheduled({ answers = "exit 0" } = {}) {
  const folder = temporaryFolder();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "systemctl"), `#!/bin/sh\necho "$@" >> ${folder}/calls\n${answers}\n`, {
    mode: 0o755,
  });
  const here = commandLine({ env: { PATH: `${bin}:${process.env.PATH}` } }, folder);
  const units = () => readdirSync(join(folder, ".config/systemd/user"), { encoding: "utf8" }).sort();
  return {
    ...here,
    folder,
    units,
    calls: () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n"),
  };
}

describe.runIf(process.platform === "linux")("`slowwave schedule`", () => {
  test("installs, says so, and removes without a trace", async () => {
    const { slowwave, json, units, calls, home } = scheduled();
    mkdirSync(home, { recursive: true });
    expect((await slowwave("schedule", "install", "--every", "2h")).code).toBe(0);
    const [service = "", timer = ""] = units();
    const name = timer.replace(".timer", "");
    expect((await json("schedule", "status")).value).toEqual({
      scheduler: "systemd",
      name,
      installed: true,
      state: null,
      complaint: null,
    });
    expect((await slowwave("schedule", "remove")).code).toBe(0);
    expect([service, units(), calls()]).toEqual([
      `${name}.service`,
      [],
      ["--user daemon-reload", `--user enable --now ${timer}`, `--user disable --now ${timer}`],
    ]);
  });

  test("prints files and commands, and changes nothing", async () => {
    const { slowwave, folder } = scheduled();
    const { stdout } = await slowwave("schedule", "install", "--print");
    expect([stdout.includes("OnCalendar=*:0/30"), stdout.includes("$ systemctl --user enable")]).toEqual([
      true,
      true,
    ]);
    expect(readdirSync(folder).sort()).toEqual(["bin"]);
  });

  test.each([
    ["schedule", "install", "--memory-root", "elsewhere"],
    ["schedule", "install", "--print", "--memory-root", "elsewhere"],
    ["connect", "claude", "--how", "mcp", "--memory-root", "elsewhere"],
    ["connect", "claude", "--how", "mcp", "--print", "--memory-root", "elsewhere"],
  ])("refuses a memory that what is started later would not find: %s %s %s %s", async (...words) => {
    const { slowwave, folder } = scheduled();
    const { code, stderr } = await slowwave(...words);
    expect([code, stderr]).toEqual([2, expect.stringContaining("would not know of --memory-root")]);
    expect(readdirSync(folder).sort()).toEqual(["bin"]);
  });

  test("tells what the system said when it would not begin", async () => {
    const { slowwave } = scheduled({ answers: "echo no bus here >&2; exit 1" });
    const { code, stderr } = await slowwave("schedule", "install");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("`systemctl --user daemon-reload` failed: no bus here"),
    ]);
  });

  test("never replaces nor removes a unit that is not ours", async () => {
    const { json, folder } = scheduled();
    const { value } = await json("schedule", "install", "--print");
    const [file] = (value as { files: { path: string }[] }).files;
    mkdirSync(join(folder, ".config/systemd/user"), { recursive: true });
    writeFileSync(file?.path ?? "", "[Unit]\nDescription=mine\n");
    for (const command of ["install", "remove"]) {
      const refused = await json("schedule", command);
      expect([refused.code, refused.value]).toMatchObject([2, { error: { code: "schedule_in_the_way" } }]);
    }
    expect(readFileSync(file?.path ?? "", "utf8")).toContain("mine");
  });
});

describe("a schedule that keeps failing", () => {
  test("is complained of after three failures in a row, until one goes well", () => {
    const failure = { code: "agent_missing", message: "There is no agent." };
    let state = scheduleStateAfter(null, { atMs: Date.UTC(2026, 8, 1), failure });
    state = scheduleStateAfter(state, { atMs: Date.UTC(2026, 8, 2), failure });
    expect(scheduleComplaint(state)).toBe(null);
    state = scheduleStateAfter(state, { atMs: Date.UTC(2026, 8, 3), failure });
    expect(scheduleComplaint(state)).toBe(
      "Scheduled learning failed 3 times in a row since 2026-09-01 (agent_missing); `slowwave schedule status` says why.",
    );
    expect(scheduleComplaint(scheduleStateAfter(state, { atMs: Date.UTC(2026, 8, 4), failure: null }))).toBe(
      null,
    );
  });

  test("is told where the person looks: `status`, and what agents are shown at the next session", async () => {
    const { slowwave, json, home } = commandLine();
    await slowwave("connect", "claude");
    const config = join(dirname(home), ".config/slowwave");
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, "config.json"), "broken");
    const twice = {
      lastAtMs: 2_000,
      lastSuccessAtMs: null,
      failures: 2,
      firstFailureAtMs: 1_000,
      code: "x",
      message: "",
    };
    writeFileSync(join(home, "schedule-state.json"), JSON.stringify(twice));
    expect([(await slowwave("schedule", "tick")).code, readScheduleState(home)]).toEqual([
      1,
      {
        ...twice,
        failures: 3,
        lastAtMs: expect.any(Number),
        code: expect.any(String),
        message: expect.any(String),
      },
    ]);
    writeFileSync(join(config, "config.json"), "{}");
    const told = "Scheduled learning failed 3 times in a row";
    const { value } = await json("status");
    const rule = readFileSync(join(dirname(home), ".claude/rules/slowwave.md"), "utf8");
    const hooks = readFileSync(join(home, "projections/global/none.md"), "utf8");
    const { stdout } = await slowwave("recall");
    expect([
      (value as { schedule: string }).schedule.startsWith(told),
      ...[rule, hooks, stdout].map((text) => text.includes(`For the person: ${told}`)),
    ]).toEqual([true, true, true, true]);
  });

  test("is counted and told also while the memory itself can't be read", async () => {
    const { slowwave, home } = commandLine({ stdin: [line()] });
    await slowwave("import", "-");
    writeFileSync(join(home, "memories"), "no folder");
    const twice = { lastAtMs: 2_000, lastSuccessAtMs: null, failures: 2, firstFailureAtMs: 1_000 };
    writeFileSync(join(home, "schedule-state.json"), JSON.stringify({ ...twice, code: "x", message: "" }));
    const { code, stderr } = await slowwave("schedule", "tick");
    expect([code, stderr, readScheduleState(home)?.failures]).toEqual([
      1,
      expect.stringContaining("failed root_not_a_folder"),
      3,
    ]);
    expect((await slowwave("status")).stdout).toContain("Scheduled learning failed 3 times in a row");
  });

  test("is told by the server with the list of runs, which the page shows", async () => {
    const store = openMemoryStore();
    onTestFinished(() => store.close());
    const asked = async (notices: readonly string[]) => {
      const app = createApp({ store, token: null, notices: () => notices });
      onTestFinished(() => app.close());
      return (await app.fetch(new Request("http://127.0.0.1/api/runs"))).json();
    };
    expect(await asked(["Scheduled learning failed."])).toMatchObject({
      runs: [],
      notices: ["Scheduled learning failed."],
    });
    expect(await asked([])).not.toHaveProperty("notices");
  });

  test("that can't be read is no reason to fail", () => {
    const home = temporaryFolder();
    for (const text of [
      "",
      "{",
      "[]",
      '{"lastAtMs":"x"}',
      '{"lastAtMs":1,"failures":9,"firstFailureAtMs":1e99}',
    ]) {
      writeFileSync(join(home, "schedule-state.json"), text);
      expect(() => scheduleComplaint(readScheduleState(home))).not.toThrow();
    }
  });
});
