import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  sanitizedSlug,
  shortHash,
  summaryNames,
  summaryStem,
  threadTime,
} from "../../src/memory-files/host-file-text.ts";

const named = (threadId: string, rolloutSlug: string | null = null, sourceUpdatedAt = 0) => ({
  threadId,
  rolloutSlug,
  sourceUpdatedAt,
});

describe("the time in a summary's name", () => {
  test.each([
    ["version 7, milliseconds floored", "0194f5a6-89ab-7cde-8123-456789abcdef", "2025-02-11T15-35-19-jqmb"],
    ["version 7 in capitals", "0194F5A6-89AB-7CDE-8123-456789ABCDEF", "2025-02-11T15-35-19-jqmb"],
    ["version 7 without hyphens", "0194f5a689ab7cde8123456789abcdef", "2025-02-11T15-35-19-jqmb"],
    ["version 7 in braces", "{0194f5a6-89ab-7cde-8123-456789abcdef}", "2025-02-11T15-35-19-jqmb"],
    ["version 7 as a URN", "urn:uuid:0194f5a6-89ab-7cde-8123-456789abcdef", "2025-02-11T15-35-19-jqmb"],
    // The example values of RFC 9562, appendix A: 2022-02-22 14:22:22 -05:00.
    ["version 1", "c232ab00-9414-11ec-b3c8-9f6bdeced846", "2022-02-22T19-22-22-0000"],
    ["version 6", "1ec9414c-232a-6b00-b3c8-9f6bdeced846", "2022-02-22T19-22-22-0000"],
    ["version 4: the source's time", "00000000-0000-4000-8000-000000000001", "2001-09-09T01-46-40-0001"],
    [
      "version 1 from before 1970: the source's time",
      "00000000-0000-1000-8000-000000000001",
      "2001-09-09T01-46-40-0001",
    ],
    ["no UUID: the source's time", "not-a-uuid", "2001-09-09T01-46-40-GNP3"],
  ])("%s", (_, threadId, stem) => {
    const found = summaryStem(named(threadId, null, 1_000_000_000));
    // The hash of the two appendix examples is not what they are about.
    expect(found.slice(0, 20)).toBe(stem.slice(0, 20));
    if (!stem.endsWith("-0000")) expect(found).toBe(stem);
  });

  test("versions 1 and 6 of one moment agree, though their bits are in another order", () => {
    const [one, six] = ["c232ab00-9414-11ec-b3c8-9f6bdeced846", "1ec9414c-232a-6b00-b3c8-9f6bdeced846"];
    expect([threadTime(one), threadTime(six)]).toEqual([1_645_557_742, 1_645_557_742]);
  });

  test("a time nobody can print becomes the nearest one, so that names keep their shape", () => {
    const stems = [9e15, -9e15, 253_402_300_800].map((seconds) => summaryStem(named("x", null, seconds)));
    expect(stems.map((stem) => stem.slice(0, 19))).toEqual([
      "9999-12-31T23-59-59",
      "0000-01-01T00-00-00",
      "9999-12-31T23-59-59",
    ]);
  });
});

describe("the hash in a summary's name", () => {
  test.each([
    ["00000000-0000-4000-8000-0000ffffffff", "Ffc3"],
    ["00000000-0000-4000-8000-0000000000e1", "003D"],
    ["00000000-0000-4000-8000-000000000001", "0001"],
    ["not-a-uuid", "GNP3"],
  ])("%s → %s", (threadId, hash) => expect(shortHash(threadId)).toBe(hash));

  test("is over UTF-8 bytes, wraps at 32 bits, and never fails", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (threadId) => {
        expect(shortHash(threadId)).toMatch(/^[0-9a-zA-Z]{4}$/);
      }),
      { numRuns: 50 },
    );
    // 0xC3 · 31 + 0xBC = 6233
    expect(shortHash("ü")).toBe("01Cx");
    expect(shortHash("z".repeat(100))).toBe("lBQs");
  });
});

describe("the slug in a summary's name", () => {
  test.each([
    ["Fix CI: flaky tests", "fix_ci__flaky_tests"],
    ["__lead & trail__", "__lead___trail"],
    ["日本語", ""],
    ["naïve Café 42", "na_ve_caf__42"],
    [`${"a".repeat(59)}_-bcd`, "a".repeat(59)],
    ["a".repeat(200), "a".repeat(60)],
    // One code point outside the basic plane is one underscore.
    ["a😀b", "a_b"],
    ["../../etc/passwd", "______etc_passwd"],
    ["___", ""],
    ["", ""],
  ])("%s → %s", (slug, part) => {
    expect(sanitizedSlug(slug)).toBe(part);
    expect(summaryStem(named("not-a-uuid", slug))).toBe(`1970-01-01T00-00-00-GNP3${part && `-${part}`}`);
  });
});

describe("names of all inputs of a run", () => {
  test("two threads with one name: the smaller id keeps it, whatever the order", () => {
    // Both have 00000001 in their lowest 32 bits and no time of their own.
    const [a, b] = ["00000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000001"];
    const expected = new Map([
      [a, "1970-01-01T00-00-00-0001.md"],
      [b, "1970-01-01T00-00-00-0001-2.md"],
    ]);
    expect(summaryNames([named(a), named(b)])).toEqual(expected);
    expect(summaryNames([named(b), named(a)])).toEqual(expected);
  });

  test("names that differ only in case are one name on some file systems", () => {
    // 10 = "000a", 36 = "000A" in base 62.
    const [lower, upper] = ["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-000000000024"];
    expect([...summaryNames([named(lower), named(upper)]).values()]).toEqual([
      "1970-01-01T00-00-00-000a.md",
      "1970-01-01T00-00-00-000A-2.md",
    ]);
  });

  test("a suffix never takes the name another thread has by its slug", () => {
    const ids = [1, 2, 3].map((n) => `${n}0000000-0000-4000-8000-000000000001`);
    const [a = "", b = "", c = ""] = ids;
    expect([...summaryNames([named(a), named(b), named(c, "2")])]).toEqual([
      [a, "1970-01-01T00-00-00-0001.md"],
      [b, "1970-01-01T00-00-00-0001-3.md"],
      [c, "1970-01-01T00-00-00-0001-2.md"],
    ]);
  });

  test("whatever the ids and slugs: one safe name each, all different, independent of the order", () => {
    const output = fc.record({
      threadId: fc.oneof(
        fc.uuid(),
        fc.string({ unit: "binary", minLength: 1 }),
        fc.constantFrom("a", "b", "c"),
      ),
      rolloutSlug: fc.option(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("2", "3", "A"))),
      sourceUpdatedAt: fc.constantFrom(0, 1, 1_774_212_000),
    });
    const outputs = fc.uniqueArray(output, { selector: ({ threadId }) => threadId, maxLength: 30 });
    fc.assert(
      fc.property(outputs, (inputs) => {
        const names = summaryNames(inputs);
        const all = [...names.values()];
        expect(new Set(all.map((name) => name.toLowerCase())).size).toBe(inputs.length);
        for (const name of all)
          expect(name).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[0-9a-zA-Z]{4}(-[a-z0-9_]+)?(-\d+)?\.md$/);
        expect(new Map(summaryNames([...inputs].reverse()))).toEqual(new Map(names));
      }),
    );
  });
});
