import { expect, test } from "vitest";
import type { Manifest } from "../../src/domain/generation.ts";
import { type Candidate, GATE_LIMITS, NO_BASE } from "../../src/validation/candidate.ts";
import { sizes } from "../../src/validation/structure.ts";

const files = (count: number, bytes = 1): Manifest =>
  Array.from({ length: count }, (_, n) => ({ path: `skills/mine/${n}.md`, hash: "h", bytes }));

async function found(before: Manifest, after: Manifest, problems: Candidate["problems"] = []) {
  const base = { ...NO_BASE, manifest: before };
  const none = { expected: [], evidence: [], text: () => null, bytes: () => null };
  const remarks = await sizes({ ...none, manifest: after, problems, base });
  return remarks.map(({ finding }) => [finding.code, finding.message]);
}

const MANY = GATE_LIMITS.files;
const LARGE = GATE_LIMITS.skillFileBytes;

test("too many files are a person's own doing while they become no more", async () => {
  const kept = [
    "size_kept",
    `The memory holds ${MANY + 5} files, more than ${MANY}, as it did before this run.`,
  ];
  expect(await found(files(MANY + 5), files(MANY + 5))).toEqual([kept]);
  expect(await found(files(MANY + 9), files(MANY + 5))).toEqual([kept]);
  expect(await found(files(MANY + 5), files(MANY + 6))).toMatchObject([
    ["too_many_files", expect.any(String)],
  ]);
  expect(await found([], files(MANY + 1))).toMatchObject([["too_many_files", expect.any(String)]]);
  expect(await found([], files(MANY))).toEqual([]);
});

test("too much in all is, too", async () => {
  expect(await found(files(17, LARGE), files(17, LARGE))).toMatchObject([["size_kept", expect.any(String)]]);
  expect(await found(files(16, LARGE), files(17, LARGE))).toMatchObject([
    ["memory_too_large", expect.any(String)],
  ]);
});

test("one file that is too large is refused; whose it was is said", async () => {
  const large = [{ path: "MEMORY.md", kind: "too-large" }] as const;
  const before = [{ path: "MEMORY.md", hash: "h", bytes: GATE_LIMITS.handbookBytes + 1 }];
  expect(await found([], [], large)).toEqual([["file_too_large", "MEMORY.md is larger than 2 MiB."]]);
  expect(await found(before, [], large)).toEqual([
    [
      "file_too_large",
      "MEMORY.md is larger than 2 MiB. It was that large before the run; shorten it by hand.",
    ],
  ]);
});
