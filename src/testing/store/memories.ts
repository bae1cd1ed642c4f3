import { describe, expect, test } from "vitest";
import type { Stage1Output, UpsertOutcome } from "../../domain/memory.ts";
import type { Store } from "../../domain/ports.ts";
import { claimedLease, jobRow, type OpenWorld, openEach, output } from "./given.ts";

export function memoryContract(name: string, open: OpenWorld): void {
  describe(`memories · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    test("an upsert counts what it did and enqueues once, by the newest row that changed", async () => {
      const first = [output("one", { sourceUpdatedAt: 10 }), output("two", { sourceUpdatedAt: 30 })];
      expect(await a.memories.upsert("global", first)).toEqual(counts({ imported: 2 }));
      expect(await b.jobs.read("global")).toEqual(jobRow({ input_watermark: 30 }));
      const second = [
        output("one", { sourceUpdatedAt: 20, rawMemory: "newer" }),
        output("two", { sourceUpdatedAt: 29, rawMemory: "older" }),
        output("three", { sourceUpdatedAt: 5 }),
      ];
      expect(await b.memories.upsert("global", second)).toEqual(
        counts({ imported: 1, updated: 1, unchanged: 1 }),
      );
      // 20 is the newest that changed, and older than 30: one step past it.
      expect((await a.jobs.read("global"))?.input_watermark).toBe(31);
      expect(await a.memories.select("global", 9)).toEqual([first[1], second[0], second[2]]);
    });

    test("an upsert that changes nothing enqueues nothing", async () => {
      await a.memories.upsert("global", [output("one")]);
      expect(await a.memories.upsert("global", [output("one")])).toEqual(counts({ unchanged: 1 }));
      expect(await a.memories.upsert("global", [])).toEqual(counts({}));
      expect((await a.jobs.read("global"))?.input_watermark).toBe(100);
    });

    test("the same thread twice in one upsert: the later one replaces, the older one is unchanged", async () => {
      const outputs = [10, 12, 11].map((sourceUpdatedAt) => output("one", { sourceUpdatedAt }));
      expect(await a.memories.upsert("global", outputs)).toEqual(
        counts({ imported: 1, updated: 1, unchanged: 1 }),
      );
      expect(await a.memories.select("global", 9)).toEqual([outputs[1]]);
    });

    test("a corrected record of the same time replaces the row and makes the space dirty", async () => {
      await a.memories.upsert("global", [output("one")]);
      const corrected = output("one", { rolloutSummary: "corrected" });
      expect(await b.memories.upsert("global", [corrected])).toEqual(counts({ updated: 1 }));
      expect(await a.memories.select("global", 9)).toEqual([corrected]);
      expect((await a.jobs.read("global"))?.input_watermark).toBe(101);
    });

    test("a record of the same time that differs only in when it was made changes nothing", async () => {
      await a.memories.upsert("global", [output("one")]);
      const again = output("one", { generatedAt: 999 });
      expect(await a.memories.upsert("global", [again])).toEqual(counts({ unchanged: 1 }));
      expect(await a.memories.select("global", 9)).toEqual([output("one")]);
    });

    test("an upsert is all or nothing", async () => {
      const broken = { ...output("two"), rawMemory: null as unknown as string };
      await expect(a.memories.upsert("global", [output("one"), broken])).rejects.toMatchObject({
        code: "wrong_type",
        message: "Record 2 of 2 cannot be taken, so nothing was stored: rawMemory must be a string.",
      });
      expect(await b.memories.count("global")).toBe(0);
      expect(await b.jobs.read("global")).toBeNull();
    });

    test("what a host leaves out gets the defaults", async () => {
      const least = { threadId: "one", sourceUpdatedAt: 7, rawMemory: "r", rolloutSummary: "s" };
      await a.memories.upsert("global", [least]);
      expect(await a.memories.select("global", 1)).toEqual([
        { ...least, generatedAt: 7, rolloutSlug: null, rolloutPath: "", cwd: "", gitBranch: null },
      ]);
    });

    test("selects the newest first, equal times by thread id descending in code points, up to the limit", async () => {
      const outputs = [
        output("a", { sourceUpdatedAt: 5 }),
        output("b", { sourceUpdatedAt: 5 }),
        output("z", { sourceUpdatedAt: 4 }),
        // U+FF5E is above the first half of U+1F600's surrogate pair, and below the character itself.
        output("\uff5e", { sourceUpdatedAt: 9 }),
        output("\u{1f600}", { sourceUpdatedAt: 9 }),
      ];
      await a.memories.upsert("global", outputs);
      const ids = async (limit: number) =>
        (await b.memories.select("global", limit)).map(({ threadId }) => threadId);
      expect(await ids(9)).toEqual(["\u{1f600}", "\uff5e", "b", "a", "z"]);
      expect(await ids(1)).toEqual(["\u{1f600}"]);
      expect(await ids(3)).toEqual(["\u{1f600}", "\uff5e", "b"]);
      expect(await ids(0)).toEqual([]);
    });

    test("what is withdrawn is neither selected nor counted, and makes the space dirty once", async () => {
      await a.memories.upsert("global", [output("one"), output("two")]);
      expect(await b.memories.withdraw("global", "one")).toBe("withdrawn");
      expect((await b.jobs.read("global"))?.input_watermark).toBe(101);
      expect(await a.memories.withdraw("global", "one")).toBe("unchanged");
      expect(await a.memories.withdraw("global", "nobody")).toBe("unchanged");
      expect((await a.jobs.read("global"))?.input_watermark).toBe(101);
      expect(await a.memories.select("global", 9)).toEqual([output("two")]);
      expect(await a.memories.count("global")).toBe(1);
    });

    test("what was withdrawn does not come back with the record it came from, but with a newer one", async () => {
      await a.memories.upsert("global", [output("one")]);
      await a.memories.withdraw("global", "one");
      expect(await a.memories.upsert("global", [output("one")])).toEqual(counts({ unchanged: 1 }));
      const newer = output("one", { sourceUpdatedAt: 200 });
      expect(await a.memories.upsert("global", [newer])).toEqual(counts({ updated: 1 }));
      expect(await a.memories.select("global", 9)).toEqual([newer]);
    });

    test("a text of which nothing is white space alone is not blank: zero-width space, byte-order mark", async () => {
      const mark = output("mark", { rawMemory: "\ufeff", rolloutSummary: "\u200b" });
      await a.memories.upsert("global", [mark]);
      expect(await b.memories.select("global", 9)).toEqual([mark]);
    });

    test("spaces don't see each other's outputs, even of the same thread", async () => {
      await a.memories.upsert("one", [output("t", { cwd: "/one" })]);
      await a.memories.upsert("two", [output("t", { cwd: "/two" })]);
      expect((await b.memories.select("one", 9)).map(({ cwd }) => cwd)).toEqual(["/one"]);
      expect(await b.memories.count("nowhere")).toBe(0);
    });

    test("counts what is newer than a time, blank outputs aside", async () => {
      await a.memories.upsert("global", [
        output("one", { sourceUpdatedAt: 10 }),
        output("two", { sourceUpdatedAt: 20 }),
        output("three", { sourceUpdatedAt: 30 }),
        output("withdrawn", { sourceUpdatedAt: 40 }),
      ]);
      await a.memories.withdraw("global", "withdrawn");
      await a.memories.upsert("other", [output("four", { sourceUpdatedAt: 50 })]);
      const newer = await Promise.all([0, 10, 29, 30].map((time) => b.memories.count("global", time)));
      expect(newer).toEqual([3, 2, 1, 0]);
    });

    test("texts come back as the import would keep them, whatever planes and quotes they hold", async () => {
      const text =
        "'; drop table jobs; --\r\n\ttext\u0007 \u{1f600} \u{10ffff} \ufffe password=hunter2hunter2";
      const given = output("one", { rawMemory: text, rolloutSummary: "\ud800x" });
      expect(await a.memories.upsert("global", [given])).toEqual(counts({ imported: 1, redacted: 1 }));
      const kept =
        "'; drop table jobs; --\n\ttext\ufffd \u{1f600} \u{10ffff} \ufffe password=[REDACTED_SECRET]";
      expect(await b.memories.select("global", 1)).toEqual([
        { ...given, rawMemory: kept, rolloutSummary: "\ufffdx" },
      ]);
      // The same record again is the same row.
      expect(await b.memories.upsert("global", [given])).toEqual(counts({ unchanged: 1, redacted: 1 }));
    });

    test.each([
      ["a path as its id", { threadId: "../../evil" }, "unsafe_thread_id", "threadId"],
      ["a NUL", { rawMemory: "a\0b" }, "nul", "rawMemory"],
      ["a forged header", { cwd: "/x\nthread_id: forged" }, "line_break", "cwd"],
      ["milliseconds", { sourceUpdatedAt: 1_774_212_000_000 }, "time_out_of_range", "sourceUpdatedAt"],
      ["a fraction", { sourceUpdatedAt: 1_774_212_000.5 }, "wrong_type", "sourceUpdatedAt"],
      ["no number", { sourceUpdatedAt: Number.NaN }, "wrong_type", "sourceUpdatedAt"],
      ["a date object", { sourceUpdatedAt: new Date(0) }, "wrong_type", "sourceUpdatedAt"],
      ["a word for a time", { generatedAt: "yesterday" }, "invalid_time", "generatedAt"],
      ["blank texts", { rawMemory: "\u3000\n", rolloutSummary: "\u0085" }, "texts_blank", "rawMemory"],
      [
        "a text that is too large",
        { rolloutSummary: "x".repeat(2 ** 20 + 1) },
        "text_too_large",
        "rolloutSummary",
      ],
    ])("a record with %s is refused by name, and nothing is changed", async (_, some, code, field) => {
      const wrong = { ...output("two"), ...some } as Stage1Output;
      await expect(a.memories.upsert("global", [output("one"), wrong])).rejects.toMatchObject({
        code,
        message: expect.stringMatching(new RegExp(`^Record 2 of 2 .*\\b${field}\\b`)),
      });
      expect(await b.memories.count("global")).toBe(0);
      expect(await b.jobs.read("global")).toBeNull();
    });

    test("a time as RFC 3339 text is stored in seconds", async () => {
      await a.memories.upsert("global", [{ ...output("one"), sourceUpdatedAt: "2026-03-22T20:40:00+00:00" }]);
      expect((await a.memories.select("global", 1))[0]?.sourceUpdatedAt).toBe(1_774_212_000);
    });

    test("a space key that no door takes is refused", async () => {
      for (const space of ["", "a\nb", "x".repeat(201)]) {
        await expect(a.memories.upsert(space, [output("one")])).rejects.toMatchObject({
          code: "space_invalid",
        });
      }
      const longest = "\u{1f319}".repeat(200);
      expect(await a.memories.upsert(longest, [output("one")])).toEqual(counts({ imported: 1 }));
      expect(await b.memories.spaces()).toEqual([longest]);
    });

    describe("a thread that was purged", () => {
      test("stays forgotten in its space: its records are counted, and change nothing", async () => {
        await a.memories.upsert("global", [output("one")]);
        const lease = await claimedLease(a);
        expect(await a.memories.forget("one", lease)).toBe("applied");
        const records = [output("one", { sourceUpdatedAt: 999 }), output("two", { sourceUpdatedAt: 5 })];
        expect(await b.memories.upsert("global", records)).toEqual(counts({ imported: 1, forgotten: 1 }));
        expect(await b.memories.select("global", 9)).toEqual([records[1]]);
        expect(await b.memories.upsert("other", [output("one")])).toEqual(counts({ imported: 1 }));
        expect(await Promise.all(["global", "other"].map((space) => b.memories.refused(space)))).toEqual([
          1, 0,
        ]);
      });

      test("can be refused in every space, and is taken again once that is lifted", async () => {
        await a.memories.refuse("one", "global");
        await a.memories.refuse("one", null);
        await a.memories.refuse("one", "other");
        expect(await b.memories.refused("other")).toBe(1);
        expect(await b.memories.upsert("other", [output("one")])).toEqual(counts({ forgotten: 1 }));
        expect(await b.memories.remember("one", "other")).toBe(true);
        expect(await b.memories.remember("one", "other")).toBe(false);
        expect(await a.memories.refused("global")).toBe(0);
        expect(await a.memories.upsert("other", [output("one")])).toEqual(counts({ imported: 1 }));
      });

      test("is left out where a row of it is still there, told, and removed on demand", async () => {
        await a.memories.upsert("global", [output("one"), output("two")]);
        await a.memories.refuse("one", null);
        expect(await b.memories.select("global", 9)).toEqual([output("two")]);
        expect(await b.memories.count("global")).toBe(1);
        expect(await b.memories.setAside("global")).toEqual([
          { threadId: "one", code: "forgotten", message: expect.any(String) },
        ]);
        expect(await a.memories.removeSetAside("global")).toBe(1);
        expect(await b.memories.setAside("global")).toEqual([]);
      });
    });

    describe("the inputs of a run", () => {
      test("come back in their order, whatever becomes of the outputs", async () => {
        const outputs = [output("b"), output("a", { gitBranch: "main", rolloutSlug: "slug" }), output("c")];
        await a.memories.recordInputs("run-1", outputs);
        await a.memories.upsert("global", [output("a", { sourceUpdatedAt: 999, rawMemory: "changed" })]);
        expect(await b.memories.inputsOf("run-1")).toEqual(outputs);
      });

      test("recorded again they stay the first ones", async () => {
        await a.memories.recordInputs("run-1", [output("a")]);
        await b.memories.recordInputs("run-1", [output("b"), output("c")]);
        expect(await a.memories.inputsOf("run-1")).toEqual([output("a")]);
      });

      test("recorded by two at once they are those of one of them, whole", async () => {
        const lists = [[output("a")], [output("b"), output("c")]] as const;
        await Promise.all([
          a.memories.recordInputs("run-1", lists[0]),
          b.memories.recordInputs("run-1", lists[1]),
        ]);
        expect(lists).toContainEqual(await a.memories.inputsOf("run-1"));
      });

      test("that were none are none, until there are some", async () => {
        await a.memories.recordInputs("run-1", []);
        await b.memories.recordInputs("run-1", [output("b")]);
        await a.memories.recordInputs("run-1", []);
        expect(await a.memories.inputsOf("run-1")).toEqual([output("b")]);
      });

      test("of an unknown run are none", async () => {
        expect(await a.memories.inputsOf("nobody")).toEqual([]);
      });

      test("share equal texts and may be thousands of long ones", async () => {
        const shared = "the same ".repeat(2000);
        const outputs = Array.from({ length: 500 }, (_, at) =>
          output(`t${at}`, { rawMemory: `${at} ${shared}`, rolloutSummary: shared }),
        );
        await a.memories.recordInputs("run-1", outputs);
        await a.memories.recordInputs("run-2", outputs);
        expect(await b.memories.inputsOf("run-2")).toEqual(outputs);
      });
    });
  });
}

function counts(some: Partial<UpsertOutcome>): UpsertOutcome {
  return { imported: 0, updated: 0, unchanged: 0, forgotten: 0, redacted: 0, ...some };
}
