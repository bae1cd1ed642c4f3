import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { jobRow, output } from "./given.ts";
import type { OpenWorld, World } from "./world.ts";

export function memoryContract(name: string, open: OpenWorld): void {
  describe(`memories · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

    test("an upsert counts what it did and enqueues once, by the newest row that changed", async () => {
      const first = [output("one", { sourceUpdatedAt: 10 }), output("two", { sourceUpdatedAt: 30 })];
      expect(await a.memories.upsert("global", first)).toEqual({ imported: 2, updated: 0, unchanged: 0 });
      expect(await b.jobs.read("global")).toEqual(jobRow({ input_watermark: 30 }));
      const second = [
        output("one", { sourceUpdatedAt: 20, rawMemory: "newer" }),
        output("two", { sourceUpdatedAt: 30, rawMemory: "as old" }),
        output("three", { sourceUpdatedAt: 5 }),
      ];
      expect(await b.memories.upsert("global", second)).toEqual({ imported: 1, updated: 1, unchanged: 1 });
      // 20 is the newest that changed, and older than 30: one step past it.
      expect((await a.jobs.read("global"))?.input_watermark).toBe(31);
      expect(await a.memories.select("global", 9)).toEqual([first[1], second[0], second[2]]);
    });

    test("an upsert that changes nothing enqueues nothing", async () => {
      await a.memories.upsert("global", [output("one")]);
      expect(await a.memories.upsert("global", [output("one")])).toEqual({
        imported: 0,
        updated: 0,
        unchanged: 1,
      });
      expect(await a.memories.upsert("global", [])).toEqual({ imported: 0, updated: 0, unchanged: 0 });
      expect((await a.jobs.read("global"))?.input_watermark).toBe(100);
    });

    test("the same thread twice in one upsert: the later one replaces, the older one is unchanged", async () => {
      const outputs = [10, 12, 11].map((sourceUpdatedAt) => output("one", { sourceUpdatedAt }));
      expect(await a.memories.upsert("global", outputs)).toEqual({ imported: 1, updated: 1, unchanged: 1 });
      expect(await a.memories.select("global", 9)).toEqual([outputs[1]]);
    });

    test("an upsert is all or nothing", async () => {
      const broken = { ...output("two"), rawMemory: null as unknown as string };
      await expect(a.memories.upsert("global", [output("one"), broken])).rejects.toThrow();
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

    test("outputs of which both texts are blank are neither selected nor counted, but make the space dirty", async () => {
      const blank = "\n\t \u0085\u00a0\u2028\u3000";
      await a.memories.upsert("global", [
        output("blank", { rawMemory: blank, rolloutSummary: "" }),
        output("raw", { rawMemory: "x", rolloutSummary: blank }),
        output("summary", { rawMemory: blank, rolloutSummary: "x" }),
        // A zero-width space and a byte-order mark are not white space.
        output("mark", { rawMemory: "\ufeff", rolloutSummary: "\u200b" }),
      ]);
      const ids = (await b.memories.select("global", 9)).map(({ threadId }) => threadId);
      expect(ids).toEqual(["summary", "raw", "mark"]);
      expect(await b.memories.count("global")).toBe(3);
      expect((await b.jobs.read("global"))?.input_watermark).toBe(100);
    });

    test("a blank output that gains text is selected, one that loses it no longer", async () => {
      const blank = { rawMemory: " ", rolloutSummary: "" };
      await a.memories.upsert("global", [output("one", blank), output("two")]);
      await a.memories.upsert("global", [
        output("one", { sourceUpdatedAt: 200 }),
        output("two", { ...blank, sourceUpdatedAt: 200 }),
      ]);
      expect((await a.memories.select("global", 9)).map(({ threadId }) => threadId)).toEqual(["one"]);
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
        output("blank", { sourceUpdatedAt: 40, rawMemory: " ", rolloutSummary: "\n" }),
      ]);
      await a.memories.upsert("other", [output("four", { sourceUpdatedAt: 50 })]);
      const newer = await Promise.all([0, 10, 29, 30].map((time) => b.memories.count("global", time)));
      expect(newer).toEqual([3, 2, 1, 0]);
    });

    test("texts come back as they went in: NUL, quotes, all planes; unpaired surrogates as U+FFFD", async () => {
      const text = "'; drop table jobs; --\u0000\r\n\ttext \u{1f600} \u{10ffff} \ufffe";
      await a.memories.upsert("global", [output("one", { rawMemory: text, rolloutSummary: "\ud800x" })]);
      const [found] = await b.memories.select("global", 1);
      expect([found?.rawMemory, found?.rolloutSummary]).toEqual([text, "\ufffdx"]);
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
