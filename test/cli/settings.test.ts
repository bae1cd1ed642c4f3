import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { choicesFrom } from "../../src/cli/settings.ts";
import { placesOf } from "../../src/cli/shell.ts";
import { DEFAULT_SETTINGS } from "../../src/domain/settings.ts";
import { temporaryFolder } from "./invoke.ts";

const NOWHERE = "/nowhere/config.json";

function configFile(text: string): string {
  const path = join(temporaryFolder(), "config.json");
  writeFileSync(path, text);
  return path;
}

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return [code, message];
  }
  return null;
}

describe("settings", () => {
  test("are the defaults where nothing is given", () => {
    expect(choicesFrom({}, {}, NOWHERE)).toEqual({ settings: DEFAULT_SETTINGS, agent: "extractive" });
  });

  test("flags win over the environment, that over the config file, that over the defaults", () => {
    const config = configFile(
      JSON.stringify({ maxInputs: 1, retries: 1, maxTurns: 1, model: "file", agent: "file" }),
    );
    const env = { SLOWWAVE_MAX_INPUTS: "2", SLOWWAVE_RETRIES: "2", SLOWWAVE_MODEL: "" };
    const { settings, agent } = choicesFrom({ maxInputs: { flag: "--limit", text: "3" } }, env, config);
    const { maxInputs, retries, maxTurns, model, leaseSeconds } = settings;
    expect({ maxInputs, retries, maxTurns, model, leaseSeconds, agent }).toEqual({
      maxInputs: 3,
      retries: 2,
      maxTurns: 1,
      model: "file",
      leaseSeconds: 3600,
      agent: "file",
    });
  });

  test("minutes may have decimals, limits may be lifted, switches are words", () => {
    const env = {
      SLOWWAVE_MAX_SILENCE_MINUTES: "none",
      SLOWWAVE_SKIP_UNCHANGED: "false",
      SLOWWAVE_MAX_COST_USD: "0.25",
    };
    const { settings } = choicesFrom({ maxRunMinutes: { flag: "--max-minutes", text: "2.5" } }, env, NOWHERE);
    const { maxRunMinutes, maxSilenceMinutes, skipUnchanged, maxCostUsd } = settings;
    expect([maxRunMinutes, maxSilenceMinutes, skipUnchanged, maxCostUsd]).toEqual([2.5, null, false, 0.25]);
  });

  test.each<[string, Parameters<typeof choicesFrom>[0], Record<string, string>, string, string]>([
    [
      "a limit of 0",
      { maxInputs: { flag: "--limit", text: "0" } },
      {},
      "{}",
      "maxInputs, given by --limit, is not valid: it must be at least 1.",
    ],
    [
      "a limit of 4097",
      { maxInputs: { flag: "--limit", text: "4097" } },
      {},
      "{}",
      "maxInputs, given by --limit",
    ],
    [
      "half an input",
      { maxInputs: { flag: "--limit", text: "1.5" } },
      {},
      "{}",
      "maxInputs, given by --limit",
    ],
    [
      "a word for a number",
      { maxTurns: { flag: "--max-turns", text: "many" } },
      {},
      "{}",
      'maxTurns, given by --max-turns, is not valid: "many" is not a number.',
    ],
    [
      "exponents",
      { maxTurns: { flag: "--max-turns", text: "1e3" } },
      {},
      "{}",
      "maxTurns, given by --max-turns",
    ],
    [
      "no minutes",
      { maxRunMinutes: { flag: "--max-minutes", text: "0" } },
      {},
      "{}",
      "maxRunMinutes, given by --max-minutes",
    ],
    [
      "a negative cost",
      {},
      { SLOWWAVE_MAX_COST_USD: "-1" },
      "{}",
      "maxCostUsd, given by SLOWWAVE_MAX_COST_USD",
    ],
    ["no retries at all", {}, { SLOWWAVE_RETRIES: "none" }, "{}", "retries, given by SLOWWAVE_RETRIES"],
    [
      "neither true nor false",
      {},
      { SLOWWAVE_SKIP_UNCHANGED: "maybe" },
      "{}",
      "skipUnchanged, given by SLOWWAVE_SKIP_UNCHANGED",
    ],
    ["a text for a number in the file", {}, {}, '{"maxInputs":"5"}', "maxInputs, given by /"],
    [
      "a bad value that a flag would override",
      { maxInputs: { flag: "--limit", text: "5" } },
      { SLOWWAVE_MAX_INPUTS: "x" },
      "{}",
      "maxInputs, given by SLOWWAVE_MAX_INPUTS",
    ],
    [
      "a heartbeat slower than the lease",
      {},
      { SLOWWAVE_HEARTBEAT_SECONDS: "3600" },
      "{}",
      "The setting heartbeatSeconds must be",
    ],
  ])("%s is refused, and the place it came from is named", (_, flags, env, config, said) => {
    expect(refusal(() => choicesFrom(flags, env, configFile(config)))).toEqual([
      "invalid_settings",
      expect.stringContaining(said),
    ]);
  });

  test.each([
    ["{", "is not valid JSON"],
    ["[]", "must hold one JSON object"],
    ['{"maxInput":5}', 'has an unknown key "maxInput"; known are leaseSeconds, heartbeatSeconds,'],
  ])("the config file %s is refused", (text, said) => {
    expect(refusal(() => choicesFrom({}, {}, configFile(text)))).toEqual([
      "invalid_config",
      expect.stringContaining(said),
    ]);
  });

  test("a config file that is a folder is refused, not passed over", () => {
    const path = join(temporaryFolder(), "config.json");
    mkdirSync(path);
    expect(refusal(() => choicesFrom({}, {}, path))).toEqual([
      "invalid_config",
      expect.stringContaining("cannot be read"),
    ]);
  });
});

describe("places", () => {
  const at = (flags: Parameters<typeof placesOf>[0], env: Record<string, string>) =>
    placesOf(flags, { env, cwd: "/here" });

  test.each<[string, Parameters<typeof placesOf>[0], Record<string, string>, string]>([
    ["the platform's state folder", {}, { HOME: "/u" }, "/u/.local/state/slowwave"],
    ["XDG's, when it is absolute", {}, { HOME: "/u", XDG_STATE_HOME: "/s" }, "/s/slowwave"],
    ["not XDG's, when it is not", {}, { HOME: "/u", XDG_STATE_HOME: "s" }, "/u/.local/state/slowwave"],
    ["the environment's", {}, { HOME: "/u", SLOWWAVE_HOME: "h" }, "/here/h"],
    ["the flag's", { home: "f" }, { HOME: "/u", SLOWWAVE_HOME: "h" }, "/here/f"],
  ])("the home is %s", (_, flags, env, home) => {
    expect(at(flags, env).home).toBe(home);
  });

  test("the config file is where the platform keeps such files", () => {
    expect(at({}, { HOME: "/u" }).configFile).toBe("/u/.config/slowwave/config.json");
    expect(at({}, { HOME: "/u", XDG_CONFIG_HOME: "/c" }).configFile).toBe("/c/slowwave/config.json");
  });

  test.each(["", "a\nb", "\u001b", "x".repeat(201), "\ud800"])("the space %j is refused", (space) => {
    expect(refusal(() => at({ space }, { HOME: "/u" }))).toEqual(["space_invalid", expect.any(String)]);
  });
});
