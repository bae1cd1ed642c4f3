import { describe, expect, test } from "vitest";
import type { Lease } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import {
  NO_FACTS,
  type Project,
  type SessionClaim,
  type SessionFacts,
  type SessionRecord,
  type SessionRow,
  type Sighting,
} from "../../domain/session.ts";
import { claimedLease, jobRow, laterMs, NOW, NOW_MS, type OpenWorld, openEach, output } from "./given.ts";

const SEEN: Sighting = {
  key: "claude-1",
  agent: "claude",
  root: "/home/dev/.claude",
  path: "/home/dev/.claude/projects/-p/1.jsonl",
  fingerprint: "7:100",
  bytes: 100,
  changedAt: NOW_MS,
};

const FACTS: SessionFacts = {
  ...NO_FACTS,
  saidAt: NOW_MS - 5_000,
  cwd: "/p",
  headless: true,
  persons: 2,
  tools: 3,
};

const EVIDENCE = [{ position: 4, tier: "person", saidAt: null, text: "Always run the tests." }];

function asking(some: Partial<SessionClaim> = {}): SessionClaim {
  const wants = { force: false, again: false, retries: 3, cap: 4, leaseSeconds: 3600, nowMs: NOW_MS };
  return { space: "global", key: "claude-1", worker: "worker-a", token: "token-a", ...wants, ...some };
}

/** Sessions of phase 1: who learns which, and what is written of it. `a` and `b` are two processes. */
export function sessionContract(name: string, open: OpenWorld): void {
  describe(`sessions · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    async function claimed(some: Partial<SessionClaim> = {}): Promise<Lease> {
      const request = asking(some);
      const outcome = await a.sessions.claim(request);
      if (outcome.kind !== "claimed") throw new Error(`not claimed: ${outcome.why}`);
      const row = await a.sessions.job(request.space, request.key);
      return { space: row?.job_key ?? "", token: request.token, fence: outcome.fence };
    }

    function recordOf(lease: Lease, some: Partial<SessionRecord> = {}): SessionRecord {
      const note = output("claude-1", { sourceUpdatedAt: NOW - 5 });
      const outcome = { note, noteHash: "h1", verdict: "learned", facts: FACTS, evidence: EVIDENCE } as const;
      return { lease, space: "global", key: "claude-1", ...outcome, nowMs: NOW_MS, ...some };
    }

    function rowOf(some: Partial<SessionRow> = {}): SessionRow {
      const verdict = { verdict: "seen", verdictUntil: null, verdictAt: NOW_MS, noteHash: null } as const;
      return { ...SEEN, ...NO_FACTS, space: "global", updatedAt: NOW, ...verdict, ...some };
    }

    test("how a session was settled is found again for a while, and then goes: one row each would stay for ever", async () => {
      await a.sessions.sight("global", [SEEN], NOW_MS);
      const lease = await claimed();
      await a.sessions.record(recordOf(lease));
      const later = async (days: number) => {
        const request = { space: "", keepRuns: 2, keepRunDays: 7, nowMs: NOW_MS + days * 86_400_000 };
        for (let isDone = false; !isDone; ) ({ isDone } = await b.retire(request));
      };
      await later(13);
      expect(await b.sessions.record(recordOf(lease))).toBe("already");
      await later(15);
      expect(await b.sessions.record(recordOf(lease))).toBe("lost");
      expect((await a.sessions.read("global", "claude-1"))?.verdict).toBe("learned");
    });

    test("a look takes in what is new, leaves what is not, and marks what changed by its fingerprint", async () => {
      expect(await a.sessions.sight("global", [SEEN], NOW_MS)).toEqual({ forgotten: 0 });
      expect(await b.sessions.read("global", "claude-1")).toEqual(rowOf());
      await b.sessions.sight("global", [{ ...SEEN, changedAt: NOW_MS + 60_000 }], laterMs(60));
      expect(await a.sessions.read("global", "claude-1")).toEqual(rowOf());
      await b.sessions.sight("global", [{ ...SEEN, fingerprint: "7:200", bytes: 200 }], laterMs(60));
      expect(await a.sessions.read("global", "claude-1")).toEqual(
        rowOf({ fingerprint: "7:200", bytes: 200, updatedAt: NOW + 1, verdictAt: laterMs(60) }),
      );
      expect(await a.sessions.read("other", "claude-1")).toBeNull();
    });

    test("lists newest first by space, agent and verdict, and counts by verdict", async () => {
      const older = { ...SEEN, key: "gemini-1", agent: "gemini", changedAt: NOW_MS - 1000 };
      await a.sessions.sight("global", [older, SEEN], NOW_MS);
      await a.sessions.sight("other", [{ ...SEEN, key: "claude-2" }], NOW_MS);
      const keys = async (filter: object) =>
        (await b.sessions.list({ space: "global", limit: 9, ...filter })).map(({ key }) => key);
      expect(await keys({})).toEqual(["claude-1", "gemini-1"]);
      expect(await keys({ agents: ["gemini"] })).toEqual(["gemini-1"]);
      expect(await keys({ verdicts: ["learned"] })).toEqual([]);
      expect(await keys({ limit: 1 })).toEqual(["claude-1"]);
      const twin = { ...SEEN, key: "claude-0" };
      await a.sessions.sight("global", [twin], NOW_MS);
      expect(await keys({ after: { changedAt: NOW_MS, key: "claude-0" } })).toEqual(["claude-1", "gemini-1"]);
      expect(await keys({ after: { changedAt: NOW_MS, key: "claude-1" } })).toEqual(["gemini-1"]);
      expect(await keys({ after: { changedAt: NOW_MS - 1000, key: "gemini-1" } })).toEqual([]);
      expect([await b.sessions.spaces(9), await b.sessions.spaces(1)]).toEqual([
        ["global", "other"],
        ["global"],
      ]);
      expect(await b.sessions.count("global")).toEqual({ seen: 3 });
    });

    test("a claim of two at once is given to exactly one, and again to whoever repeats its own", async () => {
      await a.sessions.sight("global", [SEEN], NOW_MS);
      const outcomes = await Promise.all([
        a.sessions.claim(asking()),
        b.sessions.claim(asking({ token: "token-b", worker: "worker-b" })),
      ]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["claimed", "skipped"]);
      expect(outcomes).toContainEqual({ kind: "skipped", why: "running" });
      const winner = outcomes[0]?.kind === "claimed" ? "a" : "b";
      const again = asking({ token: `token-${winner}`, worker: `worker-${winner}` });
      expect(await b.sessions.claim(again)).toEqual({ kind: "claimed", fence: 1, watermark: NOW });
    });

    test("nobody claims what is unknown, forgotten, or beyond what is learned at once", async () => {
      expect(await a.sessions.claim(asking())).toEqual({ kind: "skipped", why: "unknown" });
      await a.sessions.sight("global", [SEEN, { ...SEEN, key: "claude-2" }], NOW_MS);
      await claimed();
      const second = asking({ key: "claude-2", token: "token-b", cap: 1 });
      expect(await b.sessions.claim(second)).toEqual({ kind: "skipped", why: "capped" });
      await a.memories.refuse("claude-2", "global");
      expect(await b.sessions.claim(second)).toEqual({ kind: "skipped", why: "forgotten" });
      expect(await b.sessions.sight("global", [{ ...SEEN, key: "claude-2" }], NOW_MS)).toEqual({
        forgotten: 1,
      });
    });

    test("after a failure it waits, then three in a row exhaust it; a change of the session or a person lifts both", async () => {
      await a.sessions.sight("global", [SEEN], NOW_MS);
      const outcome = {
        space: "global",
        key: "claude-1",
        verdict: "failed",
        reason: "failed_agent",
      } as const;
      for (const turn of [0, 1, 2]) {
        const nowMs = laterMs(turn * 4000);
        const lease = await claimed({ nowMs, token: `token-${turn}` });
        expect(await a.sessions.fail({ ...outcome, lease, retryDelaySeconds: 3600, nowMs })).toBe("applied");
        expect(await b.sessions.fail({ ...outcome, lease, retryDelaySeconds: 3600, nowMs })).toBe("already");
        const why = turn === 2 ? "exhausted" : "backing-off";
        expect(await b.sessions.claim(asking({ nowMs, token: "x" }))).toEqual({ kind: "skipped", why });
      }
      expect(await b.sessions.read("global", "claude-1")).toMatchObject({ verdict: "failed" });
      expect(await b.sessions.jobs()).toMatchObject([{ job_key: "claude-1", last_error: "failed_agent" }]);
      const lease = await claimed({ force: true, token: "by-person", nowMs: laterMs(8000) });
      expect(await a.sessions.release({ lease, reason: "cancelled", nowMs: NOW_MS })).toBe("applied");
      await b.sessions.sight("global", [{ ...SEEN, fingerprint: "7:300" }], laterMs(8000));
      expect((await b.sessions.claim(asking({ token: "y", nowMs: laterMs(8000) }))).kind).toBe("claimed");
    });

    test("a session that is not read now gives its job back and says until when", async () => {
      await a.sessions.sight("global", [SEEN], NOW_MS);
      const lease = await claimed();
      const skip = { lease, space: "global", key: "claude-1", verdict: "not_idle", facts: FACTS } as const;
      expect(await a.sessions.skip({ ...skip, verdictUntil: laterMs(60), nowMs: NOW_MS })).toBe("applied");
      expect(await a.sessions.skip({ ...skip, verdictUntil: laterMs(60), nowMs: NOW_MS })).toBe("already");
      expect(await b.sessions.read("global", "claude-1")).toEqual(
        rowOf({ ...FACTS, verdict: "not_idle", verdictUntil: laterMs(60) }),
      );
      expect((await b.sessions.claim(asking({ token: "next" }))).kind).toBe("claimed");
    });

    describe("a record", () => {
      test("writes note, evidence and verdict, enqueues phase 2 and settles the job, all at once and once", async () => {
        await a.sessions.sight("global", [SEEN], NOW_MS);
        const lease = await claimed();
        expect(await a.sessions.record(recordOf(lease))).toBe("applied");
        expect(await b.sessions.record(recordOf(lease))).toBe("already");
        expect(await b.memories.select("global", 9)).toEqual([
          output("claude-1", { sourceUpdatedAt: NOW - 5 }),
        ]);
        expect(await b.jobs.read("global")).toEqual(jobRow({ input_watermark: NOW - 5 }));
        expect(await b.sessions.evidence("global", "claude-1")).toEqual(EVIDENCE);
        expect(await b.sessions.read("global", "claude-1")).toEqual(
          rowOf({ ...FACTS, verdict: "learned", noteHash: "h1" }),
        );
        expect(await b.sessions.job("global", "claude-1")).toMatchObject({
          kind: "memory_stage1",
          status: "done",
          last_success_watermark: NOW,
        });
        expect(await b.sessions.claim(asking({ token: "next" }))).toEqual({
          kind: "skipped",
          why: "up-to-date",
        });
        expect((await b.sessions.claim(asking({ token: "next", again: true }))).kind).toBe("claimed");
      });

      test("without a note deletes the former one and enqueues only then", async () => {
        await a.sessions.sight("global", [SEEN], NOW_MS);
        const empty = { note: null, noteHash: null, verdict: "no_signal", evidence: [] } as const;
        expect(await a.sessions.record(recordOf(await claimed(), empty))).toBe("applied");
        expect(await b.jobs.read("global")).toBeNull();
        await a.memories.upsert("global", [output("claude-1")]);
        const lease = await claimed({ token: "again", again: true });
        expect(await a.sessions.record(recordOf(lease, empty))).toBe("applied");
        expect(await b.memories.select("global", 9)).toEqual([]);
        expect(await b.jobs.read("global")).toEqual(jobRow({ input_watermark: NOW - 5 }));
      });

      test("of a stale owner changes nothing", async () => {
        await a.sessions.sight("global", [SEEN], NOW_MS);
        const lease = await claimed();
        const taken = {
          space: "claude-1",
          token: "token-a",
          worker: "worker-b",
          leaseSeconds: 60,
          nowMs: NOW_MS,
        };
        const next = await b.sessions.takeOver(taken);
        expect(await a.sessions.record(recordOf(lease))).toBe("lost");
        expect(await a.sessions.renew([lease], { leaseSeconds: 60, nowMs: NOW_MS })).toEqual({
          lost: ["claude-1"],
        });
        expect(await b.memories.count("global")).toBe(0);
        if (next === null) throw new Error("not taken over");
        expect(await b.sessions.record(recordOf(next))).toBe("applied");
      });

      test("of a session that was purged meanwhile keeps nothing of it", async () => {
        await a.sessions.sight("global", [SEEN], NOW_MS);
        const lease = await claimed();
        await b.memories.refuse("claude-1", null);
        expect(await a.sessions.record(recordOf(lease))).toBe("forgotten");
        expect(await b.memories.count("global")).toBe(0);
        expect(await b.sessions.evidence("global", "claude-1")).toEqual([]);
        expect(await b.sessions.read("global", "claude-1")).toBeNull();
      });

      test("that breaks the rules of an import is refused, and the job stays", async () => {
        await a.sessions.sight("global", [SEEN], NOW_MS);
        const lease = await claimed();
        const wrong = output("claude-1", { cwd: "two\nlines" });
        await expect(a.sessions.record(recordOf(lease, { note: wrong }))).rejects.toMatchObject({
          code: "line_break",
        });
        expect(await a.sessions.record(recordOf(lease))).toBe("applied");
      });
    });

    test("a purge takes session, evidence, job and every trace of its settlement along", async () => {
      await a.sessions.sight("global", [SEEN], NOW_MS);
      const learned = await claimed();
      await a.sessions.record(recordOf(learned));
      const lease = await claimedLease(a, { nowMs: laterMs(60) });
      expect(await a.memories.forget("claude-1", lease)).toBe("applied");
      expect(await b.sessions.read("global", "claude-1")).toBeNull();
      expect(await b.sessions.evidence("global", "claude-1")).toEqual([]);
      expect(await b.sessions.job("global", "claude-1")).toBeNull();
      expect(await b.sessions.record(recordOf(learned))).toBe("lost");
    });

    test("in another space than global a session is another one", async () => {
      await a.sessions.sight("global", [SEEN], NOW_MS);
      await a.sessions.sight("team", [SEEN], NOW_MS);
      await claimed();
      const lease = await claimed({ space: "team", token: "token-t" });
      expect(lease.space).toBe("team/claude-1");
      await a.sessions.record(recordOf(lease, { space: "team" }));
      expect([await b.memories.count("global"), await b.memories.count("team")]).toEqual([0, 1]);
    });

    test("what is never read, and what was found where, is kept until it is taken back", async () => {
      await a.sessions.exclude("/secret", NOW_MS);
      await a.sessions.exclude("/secret", laterMs(9));
      expect(await b.sessions.exclusions()).toEqual([{ pattern: "/secret", at: NOW_MS }]);
      expect([await b.sessions.include("/secret"), await b.sessions.include("/secret")]).toEqual([
        true,
        false,
      ]);
      const source = { agent: "claude", root: "/r", seenAt: NOW_MS, sessions: 3 };
      await a.sessions.keepSource({ ...source, sessions: 1 });
      await a.sessions.keepSource(source);
      expect(await b.sessions.sources()).toEqual([source]);
    });
  });
}

/** Which project a folder is of. */
export function projectContract(name: string, open: OpenWorld): void {
  describe(`projects · ${name}`, () => {
    test("folders of one project share it, and two that turn out to be one become one", async () => {
      const world = await open();
      const { a, b } = world;
      const shop: Project = {
        id: "p1",
        commonDir: "/shop/.git",
        rootCommit: null,
        remote: null,
        name: "shop",
      };
      const clone: Project = {
        id: "p2",
        commonDir: "/clone/.git",
        rootCommit: "abc",
        remote: null,
        name: "clone",
      };
      await a.projects.keep("/shop", shop, NOW_MS);
      await a.projects.keep("/shop-wt", shop, NOW_MS);
      await a.projects.keep("/clone", clone, NOW_MS);
      expect(await b.projects.list()).toEqual([shop, clone]);
      expect(await b.projects.pathsOf("p1")).toEqual(["/shop", "/shop-wt"]);
      expect(await b.projects.ofPath("/nowhere")).toBeNull();
      await a.projects.keep("/shop", { ...shop, commonDir: null, rootCommit: "abc" }, NOW_MS, ["p1", "p2"]);
      const merged = { ...shop, rootCommit: "abc" };
      expect(await b.projects.list()).toEqual([merged]);
      expect(await b.projects.ofPath("/clone")).toEqual(merged);
      await world.close();
    });
  });
}
