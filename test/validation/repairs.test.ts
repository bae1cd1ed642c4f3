import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { choicesFrom } from "../../src/cli/settings.ts";
import { GATE_DEFAULTS } from "../../src/domain/settings.ts";
import { settingsFrom } from "../../src/engine/settings.ts";
import { diligent, phase2World, session } from "../engine/phase2-world.ts";
import { besieged, type Damage } from "./hostile-world.ts";

const headless: Damage = ({ edit }) => edit("memory_summary.md", (text) => text.replace("v1", "# Summary"));

describe("repair turns", () => {
  test("at most two, exact and short; then the run is refused and what it left is kept", async () => {
    const siege = await besieged();
    const result = await siege.attack(headless);
    expect([result.status, result.agent?.turns]).toEqual(["failed_invalid_artifacts", 3]);
    const [, , again = "", last = ""] = siege.prompts;
    for (const prompt of [again, last]) {
      expect(prompt.split("\n").filter((line) => line.startsWith("- "))).toEqual([
        "- memory_summary.md: The first line of memory_summary.md must be exactly v1, with nothing before or after it on that line.",
      ]);
      expect(prompt.length).toBeLessThan(800);
    }
    expect(await readdir(join(siege.home, "rejected", result.run, "workspace"))).toContain("MEMORY.md");
    expect(await siege.tree()).toEqual(siege.base);
  });

  test("what is only asked for is accepted after them, and told", async () => {
    const siege = await besieged({ group_not_indexed: "off" });
    const result = await siege.attack(({ edit }) =>
      edit("MEMORY.md", (text) => `${text}# Task Group: manners of tables\n`),
    );
    expect([result.status, result.agent?.turns]).toEqual(["succeeded", 3]);
    expect(result.findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual([
      "group_header repair",
      "group_header repair",
      "group_header warn",
    ]);
  });

  test("a finding of warn costs no turn", async () => {
    const siege = await besieged({ group_header: "warn", group_not_indexed: "warn" });
    const result = await siege.attack(({ edit }) =>
      edit("MEMORY.md", (text) => `${text}# Task Group: manners of tables\n`),
    );
    expect([result.status, result.agent?.turns]).toEqual(["succeeded", 1]);
  });
});

describe("the agent of the next run", () => {
  test("is told why the last result was refused, until one is let through", async () => {
    const siege = await besieged();
    await siege.attack(headless);
    await siege.attack(() => {});
    const told = siege.prompts.at(-1) ?? "";
    expect(told).toContain("## The last attempt was refused");
    expect(told).toContain('\n- memory_summary.md does not begin with the line "v1".\n');
    await siege.attack(() => {});
    expect(siege.prompts.at(-1)).not.toContain("The last attempt was refused");
  });
});

test("findings are events as well, with their severity", async () => {
  const siege = await besieged();
  const { run, findings } = await siege.attack(headless);
  const told = siege.told.filter((event) => event.run === run);
  expect(told.flatMap((event) => (event.type === "gate.finding" ? [event.finding] : []))).toEqual(findings);
  expect(findings.map(({ code }) => code)).toEqual(["summary_version", "summary_version", "summary_version"]);
});

test("a memory that was let through with warnings is still unchanged when nothing is new", async () => {
  const { open } = await phase2World();
  const { store, engine } = open(diligent, { gate: { group_not_indexed: "warn" } });
  await store.memories.upsert("global", [session(1)]);
  expect((await (await engine.start()).result).status).toBe("succeeded");
  await store.jobs.enqueue("global", 1_774_300_000);
  const again = await (await engine.start({ now: true })).result;
  expect(again.status).toBe("succeeded_no_workspace_changes");
});

describe("severities in the settings", () => {
  test("come from the environment as JSON", () => {
    const of = (text: string) => choicesFrom({}, { SLOWWAVE_GATE: text }, "/nowhere").settings.gate;
    expect(of('{"skill_form":"warn"}')).toEqual({ skill_form: "warn" });
    expect(() => of("warn")).toThrow(/gate, given by SLOWWAVE_GATE, is not valid: expected JSON/);
  });

  test("each check can be given one", () => {
    const gate = Object.fromEntries(Object.keys(GATE_DEFAULTS).map((code) => [code, "warn"]));
    expect(settingsFrom({ gate }).gate).toEqual(gate);
    expect(settingsFrom().gate).toEqual({});
  });

  test.each<[object, RegExp]>([
    [{ no_such_check: "warn" }, /gate/],
    [{ secret: "shout" }, /gate\.secret is not valid: .*off, warn, ask, repair, refuse/],
    [{ secret: null }, /gate\.secret/],
    [["secret"], /gate/],
  ])("%j is refused", (gate, message) => {
    expect(() => settingsFrom({ gate: gate as never })).toThrow(message);
  });
});
