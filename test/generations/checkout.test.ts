import { hash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkout, followCheckout, readMemory } from "../../src/engine/checkout.ts";
import type { Files } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import type { Checkout } from "../../src/memory-files/checkout.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { treeOf } from "../engine/phase2-world.ts";
import { dyingAt, frailFiles } from "../workspace/frail-files.ts";

/** A handbook of one group, with a line for each fact. */
function handbook(...facts: readonly string[]): string {
  return [
    "# Task Group: shop",
    "scope: work on the shop",
    "applies_to: cwd=/srv/shop; reuse_rule=here",
    "",
    "## Task 1: fix parts",
    "### rollout_summary_files",
    "- rollout_summaries/a.md (cwd=/srv/shop)",
    "### keywords",
    "- shop",
    "",
    "## Reusable knowledge",
    ...facts.map((fact) => `- ${fact} [Task 1]`),
    "",
  ].join("\n");
}

const SUMMARY = "v1\n\n## What's in Memory\n- shop\n";
const hashOf = (text: string) => hash("sha256", text, "hex");

/** A store with a memory, and folders of as many machines as a test wants. */
async function world() {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-checkout-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = openMemoryStore();
  let count = 0;
  /** As a run on some machine publishes it. */
  const publish = async (files: Readonly<Record<string, string>>) => {
    count += 1;
    const parent = (await store.generations.current("global"))?.generation.id ?? null;
    const generation = {
      ...{ id: `g${count}`, space: "global", parent, run: `run-${count}`, kind: "published" as const },
      createdAtMs: count,
    };
    const entries = Object.entries({
      "memory_summary.md": SUMMARY,
      "rollout_summaries/a.md": "a\n",
      ...files,
    });
    const manifest = entries
      .map(([path, text]) => ({ path, hash: hashOf(text), bytes: Buffer.byteLength(text) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    const blobs = new Map(entries.map(([, text]) => [hashOf(text), Buffer.from(text)]));
    const request = { lease: null, generation, manifest, blobs, journal: null, nowMs: count };
    expect(await store.generations.commit(request)).toBe("applied");
  };
  const at = (machine: string) => join(folder, machine);
  const checkOut = (machine = "a", files?: Files): Promise<Checkout> =>
    checkout({ store, home: join(folder, `home-${machine}`), to: at(machine), ...(files && { files }) });
  const tree = async (machine = "a") => {
    const { ".slowwave": mark = "", ...files } = (await treeOf(at(machine))) ?? {};
    return {
      files,
      generation: mark === "" ? null : (JSON.parse(mark) as { generation?: string }).generation,
    };
  };
  const memory = async () => {
    const found = await readMemory(store);
    const texts: Record<string, string> = {};
    for (const { path } of found?.files ?? [])
      texts[path] = Buffer.from((await found?.read(path)) ?? []).toString();
    return { files: texts, generation: found?.generation.id };
  };
  const edit = async (machine: string, change: (text: string) => string) => {
    const path = join(at(machine), "MEMORY.md");
    await writeFile(path, change(await readFile(path, "utf8")));
  };
  return { folder, store, publish, at, checkOut, tree, memory, edit };
}

const add = (line: string) => (text: string) => `${text.trimEnd()}\n- ${line}\n`;

describe("a checkout", () => {
  test("is made, is current, is brought forward when something was published, and holds nothing but the memory and its mark", async () => {
    const { publish, checkOut, tree, memory } = await world();
    expect((await checkOut()).kind).toBe("nothing");
    await publish({ "MEMORY.md": handbook("one") });
    expect(await checkOut()).toMatchObject({ kind: "brought", generation: "g1", edited: null });
    expect(await tree()).toEqual(await memory());
    expect(await checkOut()).toMatchObject({
      kind: "current",
      files: { added: [], modified: [], deleted: [] },
    });
    await publish({ "MEMORY.md": handbook("one", "two"), "skills/x/SKILL.md": "x\n" });
    await publish({ "MEMORY.md": handbook("one", "two", "three") });
    expect(await checkOut()).toMatchObject({
      kind: "brought",
      files: { added: [], modified: ["MEMORY.md"], deleted: [] },
    });
    expect(await tree()).toEqual(await memory());
  });

  test("that is deleted is made anew; a folder that was never one, a symlink, and things in its way are refused by name", async () => {
    const { publish, checkOut, tree, memory, at } = await world();
    await publish({ "MEMORY.md": handbook("one") });
    await checkOut();
    await rm(at("a"), { recursive: true });
    expect((await checkOut()).kind).toBe("brought");
    expect(await tree()).toEqual(await memory());
    await mkdir(at("b"));
    await writeFile(join(at("b"), "MEMORY.md"), "# Mine\n");
    await expect(checkOut("b")).rejects.toMatchObject({ code: "checkout_not_empty" });
    await mkdir(at("c"));
    await writeFile(join(at("c"), "precious.txt"), "mine");
    await expect(checkOut("c")).rejects.toMatchObject({ code: "root_foreign_content" });
    await symlink(at("a"), at("d"));
    await expect(checkOut("d")).rejects.toMatchObject({ code: "root_symlink" });
    expect([await treeOf(at("b")), await treeOf(at("c"))]).toEqual([
      { "MEMORY.md": "# Mine\n" },
      { "precious.txt": "mine" },
    ]);
  });

  test("leaves what else lies in it alone and names it; a link in the place of a file is refused, nothing touched", async () => {
    const { publish, checkOut, at, memory, tree } = await world();
    await publish({ "MEMORY.md": handbook("one") });
    await checkOut();
    await writeFile(join(at("a"), "notes.txt"), "mine");
    await publish({ "MEMORY.md": handbook("one", "two") });
    expect(await checkOut()).toMatchObject({ kind: "brought", foreign: ["notes.txt"] });
    expect((await tree()).files).toEqual({ ...(await memory()).files, "notes.txt": "mine" });
    await rm(join(at("a"), "MEMORY.md"));
    await symlink("/etc/passwd", join(at("a"), "MEMORY.md"));
    await publish({ "MEMORY.md": handbook("three") });
    await expect(checkOut()).rejects.toMatchObject({ code: "root_symlink" });
  });

  test("in a folder that can't be written is refused before anything is done", async () => {
    const { publish, checkOut, at, store } = await world();
    await publish({ "MEMORY.md": handbook("one") });
    await checkOut();
    await publish({ "MEMORY.md": handbook("one", "two") });
    const before = await treeOf(at("a"));
    const readOnly: Files = {
      ...nodeFiles(),
      assertWritable: () => Promise.reject(Object.assign(new Error("EACCES"), { code: "EACCES" })),
    };
    await expect(checkOut("a", readOnly)).rejects.toMatchObject({ code: "root_read_only" });
    expect([await treeOf(at("a")), (await store.generations.list("global", 9)).length]).toEqual([before, 2]);
  });
});

describe("what a person changes in a checkout", () => {
  test("becomes a generation, as theirs, and what was published meanwhile stays", async () => {
    const { publish, checkOut, edit, memory, tree, store } = await world();
    await publish({ "MEMORY.md": handbook("one") });
    await checkOut();
    await edit("a", add("mine"));
    await publish({ "MEMORY.md": handbook("one", "two") });
    const { kind, edited, generation } = await checkOut();
    expect([kind, edited?.kind, edited?.parent, generation]).toEqual(["brought", "edited", "g2", edited?.id]);
    const { files } = await memory();
    for (const line of ["- one [Task 1]", "- two [Task 1]", "- mine"])
      expect(files["MEMORY.md"]).toContain(line);
    expect(Object.keys(edited?.handEdits ?? {})).toEqual(["MEMORY.md"]);
    expect(await tree()).toEqual(await memory());
    expect((await checkOut()).kind).toBe("current");
    expect((await store.generations.list("global", 9)).length).toBe(3);
  });

  test("on two machines at once, is merged: neither undoes the other", async () => {
    const { publish, checkOut, edit, memory, tree } = await world();
    await publish({ "MEMORY.md": handbook("one") });
    await Promise.all([checkOut("a"), checkOut("b")]);
    await Promise.all([edit("a", add("from a")), edit("b", add("from b"))]);
    await Promise.all([checkOut("a"), checkOut("b")]);
    await Promise.all([checkOut("a"), checkOut("b")]);
    const whole = await memory();
    for (const line of ["- one [Task 1]", "- from a", "- from b"])
      expect(whole.files["MEMORY.md"]).toContain(line);
    expect([await tree("a"), await tree("b")]).toEqual([whole, whole]);
  });

  test("while a run has the space, waits where it is", async () => {
    const { publish, checkOut, edit, store, at } = await world();
    await publish({ "MEMORY.md": handbook("one") });
    await checkOut();
    await edit("a", add("mine"));
    await store.jobs.enqueue("global", 5);
    const claim = { leaseSeconds: 60, successCooldownSeconds: 0, force: false, retries: 3, nowMs: 5_000 };
    await store.jobs.claim({ space: "global", worker: "w", token: "t", ...claim });
    const before = await treeOf(at("a"));
    expect((await checkOut()).kind).toBe("running");
    expect(await treeOf(at("a"))).toEqual(before);
    const lease = { space: "global", token: "t", fence: 1 };
    await store.jobs.succeed({ lease, watermark: 5, nowMs: 6_000 });
    expect(await checkOut()).toMatchObject({ edited: { kind: "edited" } });
  });

  test("of a generation that a purge has rewritten since, is refused by name; a folder without edits is brought forward", async () => {
    const { publish, checkOut, edit, store, memory, tree } = await world();
    await publish({ "MEMORY.md": handbook("one", "secret") });
    await Promise.all([checkOut("a"), checkOut("b")]);
    await edit("a", add("mine"));
    await store.jobs.enqueue("global", 5);
    const claim = { leaseSeconds: 60, successCooldownSeconds: 0, force: true, retries: 3, nowMs: 5_000 };
    await store.jobs.claim({ space: "global", worker: "w", token: "t", ...claim });
    const lease = { space: "global", token: "t", fence: 1 };
    const text = handbook("one");
    const manifest = ((await store.generations.manifest("g1")) ?? []).map((entry) =>
      entry.path === "MEMORY.md" ? { ...entry, hash: hashOf(text), bytes: text.length } : entry,
    );
    const blobs = new Map([[hashOf(text), Buffer.from(text)]]);
    await store.generations.rewrite({ lease, generation: "g1", manifest, blobs, nowMs: 1 });
    await store.jobs.succeed({ lease, watermark: 5, nowMs: 6_000 });
    await expect(checkOut("a")).rejects.toMatchObject({ code: "checkout_outdated" });
    expect((await checkOut("b")).kind).toBe("brought");
    expect(await tree("b")).toEqual(await memory());
    expect((await memory()).files["MEMORY.md"]).not.toContain("secret");
  });
});

test("a checkout that stops at any change of a file leaves whole files of known generations, and the next one goes on; nothing is taken for an edit", async () => {
  const facts = ["one", "two", "three"];
  const known = new Set(facts.map((_, n) => handbook(...facts.slice(0, n + 1))));
  /** A folder at the first of three generations, if `isBehind`. */
  const place = async (isBehind: boolean) => {
    const here = await world();
    await here.publish({ "MEMORY.md": handbook("one"), "skills/x/SKILL.md": "x\n" });
    if (isBehind) await here.checkOut();
    await here.publish({ "MEMORY.md": handbook("one", "two"), "rollout_summaries/b.md": "b\n" });
    await here.publish({ "MEMORY.md": handbook("one", "two", "three"), "rollout_summaries/b.md": "b\n" });
    return here;
  };
  for (const isBehind of [false, true]) {
    const counting = frailFiles();
    await (await place(isBehind)).checkOut("a", counting);
    for (let n = 1; n <= counting.done.length; n += 1) {
      const { checkOut, tree, memory, store } = await place(isBehind);
      await expect(checkOut("a", frailFiles(dyingAt(n)))).rejects.toThrow();
      const text = (await tree()).files["MEMORY.md"];
      expect(text === undefined || known.has(text)).toBe(true);
      expect(await checkOut("a")).toMatchObject({ edited: null, generation: "g3" });
      expect(await tree()).toEqual(await memory());
      expect((await store.generations.list("global", 9)).length).toBe(3);
    }
  }
});

test("following brings what is published, takes in an edit when the folder rests, and ends with its signal", async () => {
  const { folder, store, publish, memory, tree, at, edit } = await world();
  await publish({ "MEMORY.md": handbook("one") });
  const until = new AbortController();
  const seen: Checkout[] = [];
  let told = () => {};
  const next = async (is: (one: Checkout) => boolean) => {
    while (!seen.some(is)) await new Promise<void>((resolve) => (told = resolve));
  };
  const following = followCheckout(
    { store, home: join(folder, "home"), to: at("a") },
    {
      until: until.signal,
      everySeconds: 0.02,
      onCheckout: (answer) => {
        seen.push(answer);
        told();
      },
    },
  );
  await next(({ generation }) => generation === "g1");
  await publish({ "MEMORY.md": handbook("one", "two") });
  await next(({ generation }) => generation === "g2");
  await edit("a", add("mine"));
  await next(({ edited }) => edited !== null);
  until.abort();
  await following;
  // Each thing is told once: that a folder which was brought holds the memory at the next look, too, is no news.
  expect(seen.map(({ kind, edited }) => [kind, edited !== null])).toEqual([
    ["brought", false],
    ["brought", false],
    ["editing", false],
    ["current", true],
  ]);
  expect((await memory()).files["MEMORY.md"]).toContain("- mine");
  expect(await tree()).toEqual(await memory());
});
