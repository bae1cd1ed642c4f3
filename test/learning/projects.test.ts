import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gitAsker } from "../../src/learning/git.ts";
import { normaliseRemote, projectFinder } from "../../src/learning/projects.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";

let folder: string;
let store: ReturnType<typeof openMemoryStore>;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-projects-")));
  store = openMemoryStore();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const AUTHOR = ["-c", "user.name=Dev", "-c", "user.email=dev@example.com", "-c", "init.defaultBranch=main"];

function git(at: string, ...args: readonly string[]): void {
  execFileSync("git", [...AUTHOR, "-C", at, ...args], { stdio: "ignore" });
}

function repository(name: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, "src"), { recursive: true });
  git(path, "init");
  git(path, "commit", "--allow-empty", "-m", `Begin ${name}`);
  return path;
}

/** A process of its own asks: what it knows is in the store. */
async function idOf(path: string): Promise<string | undefined> {
  const find = projectFinder({
    projects: store.projects,
    clock: { nowMs: () => 1 },
    git: gitAsker({ PATH: process.env.PATH }),
  });
  return (await find(path))?.id;
}

describe("a project is the same", () => {
  test("in a folder of the repository, in a worktree and in a clone; another repository is another one", async () => {
    const shop = repository("shop");
    git(shop, "worktree", "add", join(folder, "shop-fix"));
    git(folder, "clone", "shop", "copy");
    const id = await idOf(shop);
    for (const path of ["shop/src", "shop-fix", "copy"]) expect(await idOf(join(folder, path))).toBe(id);
    expect(await idOf(repository("blog"))).not.toBe(id);
  });

  test("after the repository was renamed, and where it was before", async () => {
    const shop = repository("shop");
    const id = await idOf(shop);
    renameSync(shop, join(folder, "store"));
    expect(await idOf(join(folder, "store"))).toBe(id);
    expect(await idOf(shop)).toBe(id);
    expect(await idOf(join(shop, "src", "gone"))).toBe(id);
  });

  test("for two that turn out to have one remote; a fork has another", async () => {
    const [one, two] = [repository("one"), repository("two")];
    expect(await idOf(one)).not.toBe(await idOf(two));
    git(one, "remote", "add", "origin", "git@example.com:dev/shop.git");
    git(two, "remote", "add", "origin", "https://user:secret@example.com/dev/shop");
    await idOf(one);
    // Which of the two ids stays is open until the second one is looked at.
    const joined = await idOf(two);
    expect(await idOf(one)).toBe(joined);
    expect(JSON.stringify(await store.projects.list())).not.toContain("secret");
    git(folder, "clone", "one", "fork");
    git(join(folder, "fork"), "remote", "set-url", "origin", "git@example.com:other/shop.git");
    expect(await idOf(join(folder, "fork"))).not.toBe(await idOf(one));
  });

  test("without git a folder is a project by itself", async () => {
    mkdirSync(join(folder, "notes"));
    expect(await idOf(join(folder, "notes"))).toBe(await idOf(join(folder, "notes")));
    expect(await idOf(folder)).not.toBe(await idOf(join(folder, "notes")));
  });
});

test("a repository's own configuration starts no program", async () => {
  const shop = repository("shop");
  const proof = join(folder, "proof");
  const script = join(folder, "monitor.sh");
  writeFileSync(script, `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
  for (const key of ["core.fsmonitor", "core.sshCommand", "core.pager", "credential.helper"])
    git(shop, "config", key, script);
  await idOf(shop);
  expect(() => realpathSync(proof)).toThrow();
});

test.each([
  ["git@GitHub.com:dev/shop.git", "github.com/dev/shop"],
  ["https://token@github.com/dev/shop", "github.com/dev/shop"],
  ["ssh://git@github.com:22/dev/shop.git/", "github.com/dev/shop"],
  ["/srv/git/shop.git", null],
  ["C:/dev/shop", null],
  ["../shop", null],
])("the remote %j is %j", (remote, expected) => {
  expect(normaliseRemote(remote)).toBe(expected);
});
