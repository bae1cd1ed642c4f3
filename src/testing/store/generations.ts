import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Generation, Journal, ManifestEntry } from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { claimedLease, NOW_MS, type OpenWorld, type World } from "./given.ts";

export function generationContract(name: string, open: OpenWorld): void {
  describe(`generations · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

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
