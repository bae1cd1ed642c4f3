import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { merge } from "../../src/memory-files/publish.ts";

const manifest = (files: Record<string, string>) =>
  Object.entries(files)
    .map(([path, hash]) => ({ path, hash, bytes: 1 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));

const merged = (
  base: Record<string, string>,
  theirs: Record<string, string>,
  ours: Record<string, string>,
) => {
  const result = merge(manifest(base), manifest(theirs), manifest(ours));
  return {
    files: Object.fromEntries(result.manifest.map(({ path, hash }) => [path, hash])),
    conflicts: result.conflicts,
  };
};

const A = "skills/s/a";

describe("one file, three sides", () => {
  test.each([
    ["nobody changed it", { [A]: "0" }, { [A]: "0" }, { [A]: "0" }, { [A]: "0" }, []],
    ["only we changed it", { [A]: "0" }, { [A]: "0" }, { [A]: "1" }, { [A]: "1" }, []],
    ["only they changed it", { [A]: "0" }, { [A]: "2" }, { [A]: "0" }, { [A]: "2" }, []],
    ["both, differently", { [A]: "0" }, { [A]: "2" }, { [A]: "1" }, { [A]: "1" }, [A]],
    ["both, alike", { [A]: "0" }, { [A]: "1" }, { [A]: "1" }, { [A]: "1" }, []],
    ["they deleted it", { [A]: "0" }, {}, { [A]: "0" }, {}, []],
    ["we deleted it", { [A]: "0" }, { [A]: "0" }, {}, {}, []],
    ["both deleted it", { [A]: "0" }, {}, {}, {}, []],
    ["they deleted what we changed", { [A]: "0" }, {}, { [A]: "1" }, { [A]: "1" }, [A]],
    ["we deleted what they changed", { [A]: "0" }, { [A]: "2" }, {}, {}, [A]],
    ["they added it", {}, { [A]: "2" }, {}, { [A]: "2" }, []],
    ["both added it", {}, { [A]: "2" }, { [A]: "1" }, { [A]: "1" }, [A]],
  ] as const)("%s", (_, base, theirs, ours, files, conflicts) => {
    expect(merged(base, theirs, ours)).toEqual({ files, conflicts });
  });

  test("the host's files are ours whatever a person did to them", () => {
    const raw = "raw_memories.md";
    expect(merged({ [raw]: "0" }, { [raw]: "2" }, { [raw]: "0" })).toEqual({
      files: { [raw]: "0" },
      conflicts: [raw],
    });
    const own = "rollout_summaries/own.md";
    expect(merged({}, { [own]: "2" }, {})).toEqual({ files: {}, conflicts: [own] });
  });

  test.each([
    ["their file where we have a folder", "skills/s/a", "skills/s/a/b"],
    ["their folder where we have a file", "skills/s/a/b", "skills/s/a"],
    ["the same name but for case", "skills/s/A", "skills/s/a"],
  ])("what can't be beside ours is kept aside: %s", (_, their, our) => {
    expect(merged({}, { [their]: "2" }, { [our]: "1" })).toEqual({
      files: { [our]: "1" },
      conflicts: [their],
    });
  });
});

test("whatever the three sides: nothing of theirs is dropped unnamed, and nothing appears from nowhere", () => {
  const side = fc.dictionary(
    fc.constantFrom("skills/s/a", "skills/s/b", "MEMORY.md"),
    fc.constantFrom("0", "1", "2"),
  );
  fc.assert(
    fc.property(side, side, side, (base, theirs, ours) => {
      const { files, conflicts } = merged(base, theirs, ours);
      for (const path of new Set([...Object.keys(base), ...Object.keys(theirs), ...Object.keys(ours)])) {
        const [was, their, our, now] = [base[path], theirs[path], ours[path], files[path]];
        expect([their, our]).toContain(now);
        if (their !== was) expect(now === their || conflicts.includes(path)).toBe(true);
        else expect(now).toBe(our);
      }
    }),
  );
});
