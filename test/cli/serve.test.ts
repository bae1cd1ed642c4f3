import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import type { StopSignal } from "../../src/cli/world.ts";
import { commandLine, line, signals, temporaryFolder } from "./invoke.ts";

/** `slowwave serve …` in this process until the test ends it; what it says can be waited for. */
function serving(folder: string, ...argv: readonly string[]) {
  const { onSignal, send } = signals();
  const said = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  const writer = (name: keyof typeof said) =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        said[name] += chunk.toString();
        for (const look of waiting) look();
        done();
      },
    });
  const ended = main({
    argv: ["serve", ...argv],
    env: { HOME: folder, SLOWWAVE_HOME: join(folder, "home") },
    cwd: folder,
    stdin: Readable.from([]),
    stdout: writer("stdout"),
    stderr: writer("stderr"),
    nowMs: Date.now,
    onSignal,
    exit: () => {},
  });
  onTestFinished(async () => {
    send("SIGTERM");
    await ended;
  });
  const until = (name: keyof typeof said, pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(said[name]);
        if (found !== null) resolve(found);
      };
      waiting.add(look);
      look();
      void ended.then((code) => reject(new Error(`ended with ${code}: ${said.stderr}`)));
    });
  return {
    ended,
    said,
    send: (signal: StopSignal) => send(signal),
    until,
    address: async () => {
      const [, url = "", token = ""] = await until("stdout", /^(http:\/\/127\.0\.0\.1:\d+\/)#token=(\S+)\n/);
      return { url, headers: { authorization: `Bearer ${token}` } };
    },
  };
}

const two = [`${line({ thread_id: "a" })}\n${line({ thread_id: "b" })}\n`];

describe("slowwave serve", () => {
  test("prints its address once, answers whoever has the token, and ends clean with the signal's code", async () => {
    const folder = temporaryFolder();
    const server = serving(folder, "--port", "0");
    const { url, headers } = await server.address();
    expect((await fetch(`${url}api/runs`)).status).toBe(401);
    const answer = await fetch(`${url}api/runs`, { headers });
    expect([answer.status, await answer.json()]).toMatchObject([200, { runs: [] }]);
    server.send("SIGINT");
    expect(await server.ended).toBe(130);
    expect(server.said.stdout.match(/http:/g)).toHaveLength(1);
    // Nothing is at work, so nothing is cancelled.
    expect(server.said.stderr.trim().split("\n").at(-1)).toBe("Closing.");
    await expect(fetch(`${url}api/runs`, { headers })).rejects.toThrow();
  });

  test("keeps its token in the home, for its owner alone, so that an open page goes on after a restart", async () => {
    const folder = temporaryFolder();
    const first = serving(folder, "--port", "0");
    const { headers } = await first.address();
    first.send("SIGTERM");
    expect(await first.ended).toBe(143);
    const file = join(folder, "home", "serve-token");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(headers.authorization).toBe(`Bearer ${readFileSync(file, "utf8").trim()}`);
    const second = await serving(folder, "--port", "0").address();
    expect((await fetch(`${second.url}api/runs`, { headers })).status).toBe(200);
  });

  test("shows what other commands do on the same home while it serves", async () => {
    const folder = temporaryFolder();
    const { url, headers } = await serving(folder, "--port", "0").address();
    const { slowwave, json } = commandLine({ stdin: two }, folder);
    await slowwave("import", "-");
    const { value } = (await json("run")) as { value: { run: string } };
    const shown = await (await fetch(`${url}api/runs/${value.run}`, { headers })).json();
    expect(shown).toMatchObject({ run: { status: "succeeded", line: "2 memories" }, result: value });
  });

  test("runs what is due on a schedule", async () => {
    const folder = temporaryFolder();
    await commandLine({ stdin: two }, folder).slowwave("import", "-", "--space", "one");
    const server = serving(folder, "--port", "0", "--every", "1s");
    await server.until("stderr", /of space one: succeeded \(succeeded\)/);
    await commandLine({ stdin: two }, folder).slowwave("import", "-", "--space", "two");
    await server.until("stderr", /of space two: succeeded \(succeeded\)/);
    expect(server.said.stderr.match(/begins/g)).toHaveLength(2);
  });

  test("refuses a port that is taken, and wrong words, with a sentence", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const { json } = commandLine();
    expect(await json("serve", "--port", String(port))).toMatchObject({
      code: 2,
      value: { error: { code: "port_taken", message: expect.stringContaining("--port") } },
    });
    for (const wrong of [
      ["--port", "70000"],
      ["--port", "-1"],
      ["--every", "10"],
      ["--every", "0.5s"],
      ["--every", "soon"],
      ["--every", "99d"],
    ]) {
      expect(await json("serve", ...wrong)).toMatchObject({
        code: 2,
        value: { error: { code: "invalid_usage" } },
      });
    }
  });
});
