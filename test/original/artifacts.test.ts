import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nodeFiles } from "../../src/files/node-files.ts";
import { checkRoot } from "../../src/memory-files/check-root.ts";
import { summaryStem } from "../../src/memory-files/host-file-text.ts";
import { change, desk, memory, tree } from "../workspace/bench.ts";

/**
 * The original's host-level cases that concern files, under the original's names. Where it works in the memory
 * root itself, we work in a private workspace and publish. Those about whole runs are in `dispatch.test.ts`.
 */
const UUID7 = "0194f5a6-89ab-7cde-8123-456789abcdef";

const lines = (text: string | undefined) => (text ?? "").split("\n");

async function synced(inputs: readonly ReturnType<typeof memory>[], root: Record<string, string> = {}) {
  const d = await desk();
  await change(d.root, root);
  const run = await d.begin("r1", inputs);
  const base = await run.sync();
  return { ...d, run, base, files: (await tree(run.workspace)) ?? {} };
}

test("clear_memory_root_contents_rejects_symlinked_root", async () => {
  const d = await desk();
  await change(d.home, { "elsewhere/MEMORY.md": "theirs" });
  await symlink(join(d.home, "elsewhere"), d.root);
  const request = { root: d.root, homeId: "h", space: "global", files: nodeFiles() };
  await expect(checkRoot(request)).rejects.toMatchObject({ code: "root_symlink" });
  const run = await d.begin("r1", []);
  await expect(run.summaries()).rejects.toMatchObject({ code: "root_symlink" });
  expect(await tree(join(d.home, "elsewhere"))).toEqual({ "MEMORY.md": "theirs" });
});

test("sync_rollout_summaries_and_raw_memories_file_keeps_latest_memories_only", async () => {
  const kept = memory(UUID7, {
    rawMemory: "raw memory",
    rolloutSummary: "short summary",
    cwd: "/tmp/workspace",
  });
  const { files } = await synced([kept], {
    "rollout_summaries/thread-old.md": "old scheme",
    [`rollout_summaries/${UUID7}.md`]: "older scheme of the same thread",
  });
  expect(Object.keys(files)).toEqual(["raw_memories.md", "rollout_summaries/2025-02-11T15-35-19-jqmb.md"]);
  const raw = files["raw_memories.md"] ?? "";
  const headers = [
    `## Thread \`${UUID7}\``,
    "updated_at: ",
    "cwd: /tmp/workspace",
    "rollout_path: ",
    "rollout_summary_file: ",
  ];
  const places = headers.map((header) => raw.indexOf(header));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(raw).toContain("raw memory");
});

test("sync_rollout_summaries_uses_timestamp_hash_and_sanitized_slug_filename", async () => {
  const slug = "Unsafe Slug/With Spaces & Symbols + EXTRA_LONG_12345_67890_ABCDE_fghij_12345";
  const output = memory(UUID7, { rolloutSlug: slug });
  const { files } = await synced([output], {
    "rollout_summaries/2025-02-11T15-35-19-jqmb-old_slug.md": "stale",
    "rollout_summaries/2025-02-11T15-35-19-jqmb.md": "stale",
  });
  const names = Object.keys(files).filter((path) => path.startsWith("rollout_summaries/"));
  expect(names).toHaveLength(1);
  const [, time, hash, part] =
    /^rollout_summaries\/(.{19})-([0-9a-zA-Z]{4})-(.*)\.md$/.exec(names[0] ?? "") ?? [];
  expect([time, hash]).toEqual(["2025-02-11T15-35-19", "jqmb"]);
  expect(part).toBe("unsafe_slug_with_spaces___symbols___extra_long_12345_67890_a");
});

test("rebuild_raw_memories_file_adds_canonical_rollout_summary_file_header", async () => {
  const raw = "---\ndescription: demo\nrollout_summary_file: made-up.md\n---\n\n### Task 1: demo\n\n- done\n";
  const { files } = await synced([memory(UUID7, { rawMemory: raw, rolloutSlug: "Canonical" })]);
  const body = files["raw_memories.md"] ?? "";
  const named = /^rollout_summary_file: (.*)$/m.exec(body)?.[1];
  expect(named).toBe("2025-02-11T15-35-19-jqmb-canonical.md");
  expect(Object.keys(files)).toContain(`rollout_summaries/${named}`);
  expect(body).toContain("### Task 1: demo\n\n- done\n");
});

describe("rollout_summary_file_stem", () => {
  const stem = (rolloutSlug: string | null) => summaryStem(memory(UUID7, { rolloutSlug }));

  test("uses_uuid_timestamp_and_hash_when_slug_missing", () => {
    expect(stem(null)).toBe("2025-02-11T15-35-19-jqmb");
  });

  test("uses_uuid_timestamp_and_hash_when_slug_is_empty", () => {
    expect(stem("")).toBe("2025-02-11T15-35-19-jqmb");
  });

  test("sanitizes_and_truncates_slug", () => {
    const slug = "Unsafe Slug/With Spaces & Symbols + EXTRA_LONG_12345_67890_ABCDE_fghij_12345";
    const part = stem(slug).slice("2025-02-11T15-35-19-jqmb-".length);
    expect(part).toMatch(/^[a-z0-9_]{1,60}$/);
  });
});

test("no line of a rebuilt file ends in a carriage return that the host wrote", async () => {
  const { files } = await synced([memory("a", { rawMemory: "one\r\ntwo", rolloutSummary: "one\r\ntwo" })]);
  const withReturn = Object.values(files)
    .flatMap(lines)
    .filter((line) => line.endsWith("\r"));
  expect(withReturn).toEqual(["one\r", "one\r"]);
});
