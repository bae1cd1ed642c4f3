import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Draft, Generation, Journal, ManifestEntry } from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import type { Stage1Output } from "../../domain/memory.ts";
import type { Store } from "../../domain/ports.ts";
import {
  asking,
  claimedLease,
  jobRow,
  laterMs,
  NOW_MS,
  type OpenWorld,
  openEach,
  type World,
} from "./given.ts";

export function generationContract(name: string, open: OpenWorld): void {
  describe(`generations · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    test("a generation comes back with its files, in their order, byte for byte", async () => {
      const lease = await claimedLease(a);
      const request = publication("g1", lease, { "b.md": "b", "a.md": "\u0000\u00ff", "empty.md": "" });
      expect(await a.generations.commit(request)).toBe("applied");
      const { generation, manifest } = request;
      expect(await b.generations.current("global")).toEqual({ generation, manifest });
      expect(await b.generations.read("g1")).toEqual(generation);
      expect(await b.generations.manifest("g1")).toEqual(manifest);
      for (const { hash } of manifest)
        expect(await b.generations.blob(hash)).toEqual(request.blobs.get(hash));
    });

    test("a generation comes back with what in it is a person's; a purge may give it other edits, or none", async () => {
      const lease = await claimedLease(a);
      const handEdits = { "a.md": [{ line: 3, lines: 2, replaced: ["0f"] }] };
      const request = publication("g1", lease, { "a.md": "1" }, { handEdits });
      await a.generations.commit(request);
      expect(await b.generations.read("g1")).toEqual(request.generation);
      const { manifest, nowMs } = request;
      const rewrite = { lease, generation: "g1", manifest, blobs: new Map(), nowMs };
      const other = { "a.md": [{ line: 1, lines: 0, replaced: ["ff"] }] };
      await a.generations.rewrite({ ...rewrite, handEdits: other });
      expect((await b.generations.read("g1"))?.handEdits).toEqual(other);
      await a.generations.rewrite(rewrite);
      expect((await b.generations.read("g1"))?.handEdits).toEqual(other);
      await a.generations.rewrite({ ...rewrite, handEdits: {} });
      expect(await b.generations.read("g1")).not.toHaveProperty("handEdits");
    });

    test("what is not there is null", async () => {
      expect(await a.generations.current("global")).toBeNull();
      expect(await a.generations.read("g1")).toBeNull();
      expect(await a.generations.manifest("g1")).toBeNull();
      expect(await a.generations.blob("00")).toBeNull();
      expect(await a.generations.openJournal("global")).toBeNull();
    });

    test("an empty manifest is a generation too", async () => {
      const lease = await claimedLease(a);
      await a.generations.commit(publication("g1", lease, {}));
      expect(await b.generations.manifest("g1")).toEqual([]);
    });

    test("the last committed of a space is in effect, whatever its id or time; the list is newest first", async () => {
      const lease = await claimedLease(a);
      await a.generations.commit(publication("g9", lease, { "a.md": "1" }));
      await a.generations.commit(publication("g1", lease, { "a.md": "2" }, { parent: "g9", createdAtMs: 1 }));
      await a.generations.commit(publication("g5", null, { "a.md": "3" }, { space: "other" }));
      expect((await b.generations.current("global"))?.generation.id).toBe("g1");
      const ids = async (limit: number) => (await b.generations.list("global", limit)).map(({ id }) => id);
      expect([await ids(9), await ids(1)]).toEqual([["g1", "g9"], ["g1"]]);
    });

    test("blobs that are stored need not be given again; missing ones are named in order, once", async () => {
      const lease = await claimedLease(a);
      await a.generations.commit(publication("g1", lease, { "a.md": "same" }));
      const [same, other, third] = ["same", "other", "third"].map(hashOf) as [string, string, string];
      expect(await b.generations.missing([third, same, other, third])).toEqual([third, other]);
      const second = publication("g2", lease, { "b.md": "same", "c.md": "other" });
      second.blobs.delete(same);
      expect(await b.generations.commit(second)).toBe("applied");
      expect(await a.generations.blob(same)).toEqual(bytesOf("same"));
    });

    test("a file whose bytes are nowhere refuses the whole", async () => {
      const lease = await claimedLease(a);
      const request = publication("g1", lease, { "a.md": "here", "b.md": "gone" });
      request.blobs.delete(hashOf("gone"));
      await expect(a.generations.commit(request)).rejects.toMatchObject({ code: "store_rejected" });
      expect(await b.generations.current("global")).toBeNull();
      expect(await b.generations.missing([hashOf("here")])).toEqual([hashOf("here")]);
      expect(await b.generations.openJournal("global")).toBeNull();
    });

    test("repeated it has already happened, also when the lease is gone since", async () => {
      const lease = await claimedLease(a);
      const request = publication("g1", lease, { "a.md": "1" });
      await a.generations.commit(request);
      expect(await b.generations.commit(request)).toBe("already");
      await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
      expect(await b.generations.commit(request)).toBe("already");
      expect((await a.generations.list("global", 9)).length).toBe(1);
    });

    test("under a lost lease nothing is written: former fence, other token, settled, another space's", async () => {
      const lease = await claimedLease(a);
      const elsewhere = await claimedLease(a, { space: "other" });
      await b.jobs.takeOver({ ...lease, worker: "worker-b", leaseSeconds: 60, nowMs: NOW_MS });
      const now = { ...lease, fence: 2 };
      for (const wrong of [lease, { ...now, token: "token-x" }, elsewhere]) {
        expect(await a.generations.commit(publication("g1", wrong, { "a.md": "1" }))).toBe("lost");
      }
      await a.jobs.succeed({ lease: now, watermark: 100, nowMs: NOW_MS });
      expect(await a.generations.commit(publication("g1", now, { "a.md": "1" }))).toBe("lost");
      expect(await b.generations.missing([hashOf("1")])).toEqual([hashOf("1")]);
      expect(await b.generations.list("global", 9)).toEqual([]);
    });

    test("without a lease it needs its parent to be in effect: of two made from the same one the later is lost", async () => {
      expect(await a.generations.commit(publication("g1", null, { "a.md": "1" }))).toBe("applied");
      expect(await a.generations.commit(publication("g2", null, { "a.md": "2" }, { parent: "g1" }))).toBe(
        "applied",
      );
      for (const parent of ["g1", null, "unknown"]) {
        const late = publication("g3", null, { "a.md": "3" }, { parent });
        expect(await b.generations.commit(late)).toBe("lost");
      }
      expect((await b.generations.list("global", 9)).map(({ id }) => id)).toEqual(["g2", "g1"]);
      const repeated = publication("g1", null, { "a.md": "1" });
      expect(await b.generations.commit(repeated)).toBe("already");
    });

    test("without a lease it needs a space in which nothing runs", async () => {
      const request = publication("g1", null, { "a.md": "1" });
      const lease = await claimedLease(a);
      expect(await b.generations.commit(request)).toBe("lost");
      await a.jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS });
      expect(await b.generations.commit(request)).toBe("applied");
      const untouched = publication("g2", null, {}, { space: "never-enqueued" });
      expect(await b.generations.commit(untouched)).toBe("applied");
    });

    test("an open journal is found, oldest first, until it is closed; closing twice does no harm", async () => {
      const lease = await claimedLease(a);
      const journal = (generation: string): Journal => ({
        space: "global",
        root: "/memories",
        generation,
        steps: [
          { do: "write", path: "a.md", hash: hashOf("1") },
          { do: "delete", path: "old.md" },
        ],
      });
      await a.generations.commit({ ...publication("g2", lease, { "a.md": "1" }), journal: journal("g2") });
      await a.generations.commit({ ...publication("g1", lease, { "a.md": "2" }), journal: journal("g1") });
      expect(await b.generations.openJournal("global")).toEqual(journal("g2"));
      expect(await b.generations.openJournal("other")).toBeNull();
      await b.generations.closeJournal("g2");
      await b.generations.closeJournal("g2");
      expect(await a.generations.openJournal("global")).toEqual(journal("g1"));
      await a.generations.closeJournal("g1");
      expect(await a.generations.openJournal("global")).toBeNull();
    });
  });
}

function publication(
  id: string,
  lease: Lease | null,
  files: Readonly<Record<string, string>>,
  some: Partial<Generation> = {},
) {
  const manifest = Object.entries(files).map(
    ([path, text]): ManifestEntry => ({ path, hash: hashOf(text), bytes: bytesOf(text).length }),
  );
  const generation: Generation = {
    id,
    space: "global",
    parent: null,
    run: "run-1",
    kind: "published",
    createdAtMs: NOW_MS,
    ...some,
  };
  const blobs = new Map(Object.values(files).map((text) => [hashOf(text), bytesOf(text)] as const));
  return { lease, generation, manifest, blobs, journal: null, nowMs: NOW_MS };
}

/** One byte for each character, so that any byte can be written. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function hashOf(text: string): string {
  return createHash("sha256").update(bytesOf(text)).digest("hex");
}

const HOUR_MS = 60 * 60 * 1_000;

export function purgeContract(name: string, open: OpenWorld): void {
  describe(`what goes, and what a purge may do · ${name}`, () => {
    let a: World["a"];
    let b: World["b"];
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    const commit = (id: string, lease: Lease, files: Files) =>
      a.generations.commit({ lease, ...generation(id), ...filesOf(files), journal: null, nowMs: NOW_MS });

    test("a removed generation is gone; the one in effect, another space's, and one with a journal stay", async () => {
      const lease = await claimedLease(a);
      for (const id of ["g1", "g2", "g3"]) await commit(id, lease, { "a.md": id });
      const journal = { space: "global", root: "/r", generation: "g2", steps: [] };
      await a.generations.commit({
        lease,
        ...generation("g4"),
        ...filesOf({}),
        journal: { ...journal, generation: "g4" },
        nowMs: NOW_MS,
      });
      await commit("g5", lease, {});
      await b.generations.remove("other", ["g1"]);
      await b.generations.remove("global", ["g1", "g4", "g5", "nosuch"]);
      expect((await a.generations.list("global", 9)).map(({ id }) => id)).toEqual(["g5", "g4", "g3", "g2"]);
      expect(await a.generations.manifest("g1")).toBeNull();
    });

    test("a blob is collected only when nothing has named it for the grace, and counts as missing until then", async () => {
      const lease = await claimedLease(a);
      await commit("g1", lease, { "a.md": "old", "b.md": "kept" });
      await commit("g2", lease, { "b.md": "kept" });
      await a.generations.remove("global", ["g1"]);
      const collect = (nowMs: number) => b.generations.collect({ nowMs, graceMs: HOUR_MS, limit: 9 });
      expect(await collect(NOW_MS)).toBe(0);
      expect(await a.generations.blob(contentHashOf("old"))).not.toBeNull();
      expect(await a.generations.missing([contentHashOf("old"), contentHashOf("kept")])).toEqual([
        contentHashOf("old"),
      ]);
      expect(await a.generations.orphans({ after: "", limit: 9 })).toEqual([contentHashOf("old")]);
      expect(await collect(NOW_MS + HOUR_MS + 1)).toBe(1);
      expect(await a.generations.blob(contentHashOf("old"))).toBeNull();
      expect(await a.generations.blob(contentHashOf("kept"))).not.toBeNull();
    });

    test("sweeps that look at few blobs at a time find all in the end", async () => {
      const lease = await claimedLease(a);
      const old = ["1", "2", "3", "4", "5"];
      await commit("g1", lease, Object.fromEntries(old.map((text) => [`${text}.md`, text])));
      await commit("g2", lease, { "a.md": "kept", "b.md": "kept too" });
      await a.generations.remove("global", ["g1"]);
      const sweeps = async (nowMs: number) => {
        let removed = 0;
        for (let n = 0; n < 9; n += 1)
          removed += await b.generations.collect({ nowMs, graceMs: HOUR_MS, limit: 2 });
        return removed;
      };
      expect(await sweeps(NOW_MS)).toBe(0);
      expect((await a.generations.missing(old.map(contentHashOf))).length).toBe(5);
      expect(await sweeps(NOW_MS + HOUR_MS + 1)).toBe(5);
      expect(await a.generations.missing(["kept", "kept too"].map(contentHashOf))).toEqual([]);
    });

    test("a blob that is named again in the meantime stays", async () => {
      const lease = await claimedLease(a);
      await commit("g1", lease, { "a.md": "again" });
      await commit("g2", lease, {});
      await a.generations.remove("global", ["g1"]);
      await a.generations.collect({ nowMs: NOW_MS, graceMs: HOUR_MS, limit: 9 });
      await commit("g3", lease, { "a.md": "again" });
      await a.generations.collect({ nowMs: NOW_MS + 2 * HOUR_MS, graceMs: HOUR_MS, limit: 9 });
      expect(await a.generations.blob(contentHashOf("again"))).not.toBeNull();
    });

    test("a rewritten generation has its new files, and what only the old ones named is gone at once", async () => {
      const lease = await claimedLease(a);
      await commit("g1", lease, { "a.md": "secret", "b.md": "shared" });
      await commit("g2", lease, { "b.md": "shared" });
      const next = filesOf({ "a.md": "clean" });
      const request = { lease, generation: "g1", ...next, nowMs: NOW_MS };
      expect(await b.generations.rewrite({ ...request, lease: { ...lease, fence: 99 } })).toBe("lost");
      expect(await b.generations.rewrite(request)).toBe("applied");
      expect(await a.generations.manifest("g1")).toEqual(next.manifest);
      expect(await a.generations.blob(contentHashOf("secret"))).toBeNull();
      expect(await a.generations.blob(contentHashOf("shared"))).not.toBeNull();
      expect(await b.generations.rewrite({ ...request, manifest: null, blobs: new Map() })).toBe("applied");
      expect(await a.generations.manifest("g1")).toEqual([]);
      expect(await a.generations.read("g1")).toEqual({
        ...generation("g1").generation,
        withdrawnAtMs: NOW_MS,
      });
    });

    test("a generation says which agent made it and what was found, if that is known", async () => {
      const lease = await claimedLease(a);
      const { generation: plain } = generation("g1");
      const withAgent = { ...plain, agent: "extractive", findings: 2 };
      await a.generations.commit({
        lease,
        generation: withAgent,
        ...filesOf({}),
        journal: null,
        nowMs: NOW_MS,
      });
      expect(await b.generations.read("g1")).toEqual(withAgent);
    });

    test("a draft is kept under a lease, found by space and hash, listed newest first, and removed with its files", async () => {
      const lease = await claimedLease(a);
      const files = filesOf({ "a.md": "draft" });
      const [one, two] = [draftOf("d1", NOW_MS), draftOf("d2", laterMs(1))];
      expect(await a.generations.keepDraft({ lease: { ...lease, token: "x" }, draft: one, ...files })).toBe(
        "lost",
      );
      for (const draft of [one, two, one]) {
        expect(await a.generations.keepDraft({ lease, draft, ...files })).toBe("applied");
      }
      expect(await b.generations.draft("global", "d1")).toEqual({ draft: one, manifest: files.manifest });
      expect(await b.generations.draft("other", "d1")).toBeNull();
      expect((await b.generations.drafts("global")).map(({ hash }) => hash)).toEqual(["d2", "d1"]);
      await b.generations.removeDrafts("global", ["d1", "nosuch"]);
      expect((await a.generations.drafts("global")).map(({ hash }) => hash)).toEqual(["d2"]);
      expect(await a.generations.orphans({ after: "", limit: 9 })).toEqual([]);
      await b.generations.removeDrafts("global", ["d2"]);
      expect(
        await a.generations.collect({
          nowMs: NOW_MS,
          graceMs: 0,
          limit: 9,
          hashes: [contentHashOf("draft")],
        }),
      ).toBe(1);
    });

    test("a claim that is to be remembered answers with the row before it, also when it is repeated", async () => {
      await a.jobs.enqueue("global", 100);
      const before = jobRow();
      expect(await a.jobs.claim(asking({ remember: true }))).toEqual({
        kind: "claimed",
        fence: 1,
        watermark: 100,
        before,
      });
      expect(await b.jobs.claim(asking({ remember: true, worker: "worker-b" }))).toEqual({
        kind: "claimed",
        fence: 2,
        watermark: 100,
        before,
      });
    });

    test("the row before a claim is known by its token, for claims that asked for it", async () => {
      await a.jobs.enqueue("global", 100);
      await a.jobs.claim(asking({ remember: true }));
      expect(await b.jobs.rowBeforeClaim("global", "token-a")).toEqual(jobRow());
      expect(await b.jobs.rowBeforeClaim("global", "token-b")).toBeNull();
      expect(await b.jobs.rowBeforeClaim("other", "token-a")).toBeNull();
      await a.jobs.release({
        lease: { space: "global", token: "token-a", fence: 1 },
        reason: "x",
        nowMs: NOW_MS,
      });
      await a.jobs.claim(asking({ token: "token-b" }));
      expect(await b.jobs.rowBeforeClaim("global", "token-b")).toBeNull();
    });

    test("a thread is found in every version and space, and forgotten in one of them under its lease", async () => {
      const lease = await claimedLease(a);
      const [old, now, other] = [outputOf("t", 1), outputOf("t", 2), outputOf("u", 3)];
      await a.memories.recordInputs("run-1", [old, other]);
      await a.memories.upsert("global", [now, other]);
      await a.memories.upsert("elsewhere", [now]);
      const times = (await b.memories.versionsOf("global", "t")).map(
        ({ sourceUpdatedAt }) => sourceUpdatedAt,
      );
      expect(times).toEqual([2, 1]);
      expect(await b.memories.spacesOf("t")).toEqual(["elsewhere", "global"]);
      expect(await b.memories.forget("t", { ...lease, fence: 9 })).toBe("lost");
      expect(await b.memories.forget("t", lease)).toBe("applied");
      expect(await a.memories.versionsOf("global", "t")).toEqual([]);
      expect(await a.memories.inputsOf("run-1")).toEqual([other]);
      expect(await a.memories.spacesOf("t")).toEqual(["elsewhere"]);
      expect((await a.memories.select("global", 9)).map(({ threadId }) => threadId)).toEqual(["u"]);
    });

    test("compacting keeps everything that is there", async () => {
      const lease = await claimedLease(a);
      await commit("g1", lease, { "a.md": "stays" });
      await a.compact();
      expect(await b.generations.blob(contentHashOf("stays"))).not.toBeNull();
    });
  });
}

type Files = Readonly<Record<string, string>>;

function generation(id: string) {
  return {
    generation: {
      id,
      space: "global",
      parent: null,
      run: "run-1",
      kind: "published" as const,
      createdAtMs: NOW_MS,
    },
  };
}

function filesOf(files: Files) {
  const manifest = Object.entries(files).map(
    ([path, text]): ManifestEntry => ({ path, hash: contentHashOf(text), bytes: text.length }),
  );
  return {
    manifest,
    blobs: new Map(Object.values(files).map((text) => [contentHashOf(text), Buffer.from(text)] as const)),
  };
}

function draftOf(hash: string, createdAtMs: number): Draft {
  return {
    hash,
    space: "global",
    run: "run-1",
    base: null,
    inputsDigest: "i",
    watermark: 100,
    limit: 256,
    agent: null,
    findings: 0,
    createdAtMs,
  };
}

function outputOf(threadId: string, sourceUpdatedAt: number): Stage1Output {
  const text = `${threadId} at ${sourceUpdatedAt}`;
  return {
    threadId,
    sourceUpdatedAt,
    rawMemory: text,
    rolloutSummary: text,
    generatedAt: sourceUpdatedAt,
    rolloutSlug: null,
    rolloutPath: "",
    cwd: "",
    gitBranch: null,
  };
}

function contentHashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
