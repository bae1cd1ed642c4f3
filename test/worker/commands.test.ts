import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { placesOf } from "../../src/cli/shell.ts";
import { memoryPlace, memoryRoots, storeName } from "../../src/cli/store.ts";
import { commandLine, temporaryFolder } from "../cli/invoke.ts";

describe("the address of a store", () => {
  test("is the flag's, the environment's, or the config file's, and is printed without its password", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "config", "slowwave");
    const places = (flags: { store?: string }, env: Record<string, string>) =>
      placesOf(flags, {
        env: { HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), ...env },
        cwd: folder,
      });
    expect(places({}, {}).store).toBeNull();
    await mkdir(config, { recursive: true });
    await writeFile(join(config, "config.json"), '{"store":"postgres://file/db"}');
    expect(places({}, {}).store).toBe("postgres://file/db");
    expect(places({}, { SLOWWAVE_STORE: "postgres://env/db" }).store).toBe("postgres://env/db");
    expect(places({ store: "postgres://flag/db" }, { SLOWWAVE_STORE: "x" }).store).toBe("postgres://flag/db");
    const secret = "postgres://me:sekret@db.example:5432/memory?password=sekret&host=/run";
    expect(storeName(places({ store: secret }, {}))).toBe("postgres://me@db.example:5432/memory");
  });

  test("has no memory folder here, unless one is named", () => {
    const folder = temporaryFolder();
    const root = (flags: { store?: string; memoryRoot?: string }) => {
      const places = placesOf(flags, { env: { HOME: folder }, cwd: folder });
      return [memoryRoots(places)?.("global") ?? null, memoryPlace(places, "global")];
    };
    const store = "postgres://me@db.example/memory";
    expect(root({ store })).toEqual([null, "in the database; `slowwave checkout --to DIR` lays it out"]);
    const named = join(folder, "named");
    expect(root({ store, memoryRoot: named })).toEqual([named, named]);
    expect(root({ memoryRoot: named })).toEqual([named, named]);
  });

  test("that leads nowhere is refused without its password", async () => {
    const { slowwave } = commandLine();
    const wrong = await slowwave("status", "--store", "mysql://me:sekret@db.example/memory");
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("store_url_invalid") });
    expect(wrong.stderr + wrong.stdout).not.toContain("sekret");
  });

  test.each([
    ["backup", "x.db"],
    ["restore", "x.db"],
    ["recall"],
    ["connect", "codex"],
    ["schedule", "status"],
  ])("is refused by %s, which works on a home", async (...argv) => {
    const { slowwave } = commandLine({ env: { SLOWWAVE_STORE: "postgres://me:sekret@db.example/memory" } });
    const { code, stderr } = await slowwave(...argv);
    expect([code, stderr.includes("store_remote"), stderr.includes("sekret")]).toEqual([2, true, false]);
  });
});
