import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Stage1Output } from "../../src/domain/memory.ts";
import { readStage1 } from "../../src/import/stage1-file.ts";
import { treeOf } from "../engine/phase2-world.ts";
import { besieged } from "./hostile-world.ts";
import { SECRETS } from "./secret-samples.ts";

/** Everything a secret could have reached: every file of the home, every event, every row of the log, every blob. */
async function everything({ home, store, told }: Awaited<ReturnType<typeof besieged>>): Promise<string> {
  const blobs: string[] = [];
  for (const generation of await store.generations.list("global", 100)) {
    for (const { hash } of (await store.generations.manifest(generation.id)) ?? []) {
      blobs.push(Buffer.from((await store.generations.blob(hash)) ?? []).toString());
    }
  }
  const log = await store.runs.log({ after: 0, limit: 10_000 });
  return [JSON.stringify(await treeOf(home)), JSON.stringify(told), JSON.stringify(log), ...blobs].join("\n");
}

describe("an agent that writes a secret is refused, and the secret is nowhere", () => {
  test.each(SECRETS)("%s", async (_, text, secret) => {
    const siege = await besieged();
    const result = await siege.attack(async ({ edit }) => {
      await edit("MEMORY.md", (handbook) => handbook.replace("- prices", `- use ${text}\n- prices`));
    });
    expect([result.status, result.reason?.cause]).toEqual(["failed_invalid_artifacts", "secret"]);
    expect(result.findings.at(-1)).toMatchObject({ code: "secret", severity: "repair", path: "MEMORY.md" });
    expect(await siege.tree()).toEqual(siege.base);
    expect(JSON.stringify(result) + siege.prompts.join()).not.toContain(secret);
    expect(await everything(siege)).not.toContain(secret);
    // What was refused can still be looked at.
    expect(await readdir(join(siege.home, "rejected"))).toEqual([result.run]);
  });
});

test("secrets in inputs are replaced at the import; an agent that copies everything publishes none", async () => {
  const siege = await besieged();
  const rows = SECRETS.map(([what, text], n) => ({
    thread_id: `with-secret-${n}`,
    source_updated_at: 1_774_300_000 + n,
    raw_memory: `Reusable knowledge:\n- ${what} was used: ${text}\n`,
    rollout_summary: `It said: ${text}\n`,
  }));
  const file = Buffer.from(rows.map((row) => JSON.stringify(row)).join("\n"));
  const { outputs, secrets } = await readStage1(
    (async function* () {
      yield file;
    })(),
  );
  expect(secrets).toBeGreaterThanOrEqual(2 * SECRETS.length);
  const result = await siege.attack(
    async ({ at, edit }) => {
      const notes = (await readFile(join(at, "raw_memories.md"), "utf8")).split("\n");
      const copied = notes.filter((line) => line.startsWith("- "));
      await edit("MEMORY.md", (handbook) => `${handbook}${copied.join("\n")}\n`);
    },
    outputs as readonly Stage1Output[],
  );
  expect(result.status).toBe("succeeded");
  expect((await siege.tree())?.["MEMORY.md"]).toContain("[REDACTED_SECRET]");
  const all = await everything(siege);
  expect(SECRETS.filter(([, , secret]) => all.includes(secret))).toEqual([]);
});

test("the agent is told line and kind, mends it, and the result is published", async () => {
  const [, text = "", secret = ""] = SECRETS[0] ?? [];
  const siege = await besieged();
  const result = await siege.attack(async ({ turn, edit }) => {
    if (turn === 1) await edit("MEMORY.md", (handbook) => `${text}\n${handbook}`);
  });
  expect([result.status, result.agent?.turns]).toEqual(["succeeded", 2]);
  expect(siege.prompts.at(-1)).toMatch(
    /MEMORY\.md: Line 1 of MEMORY\.md looks like it holds a secret \([\w ]+\): replace the secret by \[REDACTED_SECRET\]\./,
  );
  expect(await everything(siege)).not.toContain(secret);
});
