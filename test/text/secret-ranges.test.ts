import { expect, test } from "vitest";
import { maskRanges, redact, secretRanges, withoutSecrets } from "../../src/text/redact.ts";
import { SECRETS } from "../validation/secret-samples.ts";

test.each(SECRETS)("%s is found at once as the import finds it", (_, text) => {
  const sentence = `It said: ${text} and went on.`;
  const { text: expected, count } = redact(sentence);
  expect(count).toBeGreaterThan(0);
  expect(withoutSecrets(sentence)).toBe(expected);
  expect(withoutSecrets(expected)).toBe(expected);
});

test("plain words stay as they are", () => {
  const text =
    "Read rollout_summaries/2026-03-22T20-40-01-0001.md: the token budget is 5,000, password reset works.";
  expect(secretRanges(text)).toEqual([]);
  expect(withoutSecrets(text)).toBe(text);
});

test("a piece is masked where the ranges of the whole touch it", () => {
  const ranges = [
    [2, 8],
    [12, 14],
  ] as const;
  expect(["abcde", "fghij", "klmno"].map((piece, at) => maskRanges(piece, at * 5, ranges))).toEqual([
    "ab[REDACTED_SECRET]",
    "[REDACTED_SECRET]ij",
    "kl[REDACTED_SECRET]o",
  ]);
});
