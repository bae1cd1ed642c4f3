import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { installed } from "./installed.ts";
import { type ModelServer, startModelServer } from "./model-server.ts";
import { responsesDialect } from "./responses-dialect.ts";

export const CODEX_VERSION = "0.169.0";

/** Codex's configuration for a scripted model on this port of loopback; `top` stands before its tables. */
export function codexSettings(port: number, top = ""): string {
  return `
model = "scripted-model"
model_provider = "scripted"
${top}
[analytics]
enabled = false
[model_providers.scripted]
name = "scripted"
base_url = "http://127.0.0.1:${port}/v1"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 0
stream_max_retries = 0
[otel]
exporter = "none"
`;
}

/**
 * The real Codex from npm on PATH for all tests of a file, with a home of its own and a scripted model. `commands`: its
 * folder; null where it can't be installed. `model` is there when the tests run.
 */
export function scriptedCodex(): {
  readonly commands: string | null;
  readonly home: string;
  readonly model: () => ModelServer;
} {
  const path = process.env.PATH ?? "";
  const commands = installed("@openai/codex", CODEX_VERSION);
  const home = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-codex-home-")));
  let model: ModelServer;
  beforeAll(async () => {
    model = await startModelServer(responsesDialect);
    writeFileSync(join(home, "config.toml"), codexSettings(model.port));
    process.env.CODEX_HOME = home;
    process.env.OPENAI_API_KEY = "sk-planted";
    process.env.PATH = [commands, path].join(delimiter);
  });
  afterAll(async () => {
    process.env.PATH = path;
    delete process.env.CODEX_HOME;
    delete process.env.OPENAI_API_KEY;
    await model.close();
    rmSync(home, { recursive: true, force: true });
  });
  return { commands, home, model: () => model };
}
