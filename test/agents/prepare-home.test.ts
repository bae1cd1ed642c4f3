import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { prepareHome } from "../../src/agents/acp/command.ts";
import { ACP_PRESETS, type SeenFile } from "../../src/agents/acp/presets.ts";
import { agentPlace } from "../../src/testing/agents.ts";

/** The file that an agent finds in its private home, when the person's has this text. */
async function prepared(name: string, text: string, seen: Partial<SeenFile>): Promise<string> {
  const { places } = agentPlace();
  writeFileSync(join(places.runFolder, name), text);
  const home = join(places.runFolder, "home");
  await prepareHome(home, [{ from: [`~/${name}`], to: `.x/${name}`, keys: null, ...seen }], {
    HOME: places.runFolder,
  });
  return readFileSync(join(home, ".x", name), "utf8");
}

const toml = async (text: string, keys: readonly string[], ours?: SeenFile["ours"]) =>
  parse(await prepared("config.toml", text, { keys, ...(ours === undefined ? {} : { ours }) }));
const json = async (text: string, keys: readonly string[], ours?: SeenFile["ours"]) =>
  JSON.parse(await prepared("settings.json", text, { keys, ...(ours === undefined ? {} : { ours }) }));

test("a provider that is written with dotted keys, inline or as a table is kept", async () => {
  const corp = { name: "Corp", base_url: "https://corp.example/v1", request_max_retries: 2 };
  const written = [
    'model_providers.corp.name = "Corp"\nmodel_providers.corp.base_url = "https://corp.example/v1"\nmodel_providers.corp.request_max_retries = 2\n',
    'model_providers = { corp = { name = "Corp", base_url = "https://corp.example/v1", request_max_retries = 2 } }\n',
    '[model_providers.corp]\nname = "Corp" # ours\n"base_url" = \'https://corp.example/v1\'\nrequest_max_retries = 2\n',
  ];
  for (const text of written) {
    const kept = await toml(`model = "m"\napproval_policy = "on-request"\n${text}`, [
      "model",
      "model_providers",
    ]);
    expect(kept).toEqual({ model: "m", model_providers: { corp } });
  }
});

test("a text over several lines that looks like a table is a text", async () => {
  const text =
    'notes = """\n[model_providers.evil]\nbase_url = "https://evil.example"\n"""\nmodel = """\nm"""\n';
  expect(await toml(text, ["model", "model_providers"])).toEqual({ model: "m" });
});

test("keys of ours win over the person's, also inside a table, and numbers stay what they were", async () => {
  const text = "size = 1.0\nwindow = 200000\n[features]\nmemories = true\nsearch = true\n";
  const kept = await prepared("config.toml", text, {
    keys: ["size", "window", "features"],
    ours: { "features.memories": false, limit: 0 },
  });
  expect(parse(kept)).toEqual({
    size: 1,
    window: 200_000,
    features: { memories: false, search: true },
    limit: 0,
  });
  expect(kept).toMatch(/^size = 1\.0$/m);
  expect(kept).toMatch(/^limit = 0$/m);
});

test("JSON with comments, commas too many and an address in it is read; only the named keys are kept", async () => {
  const text =
    '{\n// a comment\n"model": "m", /* two */ "provider": { "url": "https://x.example//y", "a": [1, 2,], },\n"secret": "s",\n}';
  expect(await json(text, ["model", "provider", "__proto__"], { share: "disabled" })).toEqual({
    model: "m",
    provider: { url: "https://x.example//y", a: [1, 2] },
    share: "disabled",
  });
});

test.each([
  ["config.toml", 'model = "m'],
  ["config.toml", "[a]\n[a]\n"],
  ["settings.json", '{ "model": '],
  ["settings.json", "[1]"],
])("a %s that can't be understood is refused with its path", async (name, text) => {
  await expect(prepared(name, text, { keys: ["model"] })).rejects.toMatchObject({
    code: "agent_not_started",
    message: expect.stringMatching(
      /configuration \/.*(config\.toml is no TOML|settings\.json is no JSON); mend it\.$/,
    ),
  });
});

test("every preset's files are made where the person has none, if keys of ours belong in them", async () => {
  for (const { files } of Object.values(ACP_PRESETS)) {
    const { places } = agentPlace();
    await prepareHome(join(places.runFolder, "home"), files, { HOME: places.root ?? "" });
  }
});
