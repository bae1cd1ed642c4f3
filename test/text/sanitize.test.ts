import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  disguisesText,
  markHidden,
  readableText,
  stripHidden,
  terminalText,
} from "../../src/text/sanitize.ts";

const MODES = { markHidden, readableText, stripHidden, terminalText };

describe.each(Object.entries(MODES))("%s", (_, sanitize) => {
  test.each([
    ["joined emoji", "the 👩\u200d💻 label, 👨\u200d👩\u200d👧, 🧑🏽\u200d🚀, 🏳\ufe0f\u200d🌈"],
    ["emoji with a selector", "❤\ufe0f 1\ufe0f\u20e3 ©\ufe0e"],
    ["the flag of a region", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}"],
    ["Persian and Hindi joiners", "می\u200cخواهم क्\u200dष"],
    ["a variant of an ideograph", "葛\u{e0100}城市"],
    ["Arabic number signs", "\u0600123"],
  ])("%s stay byte for byte", (_, text) => {
    expect(sanitize(text)).toBe(text);
  });

  test("no text keeps a hidden character that is no part of its spelling", () => {
    const letter = fc.constantFrom(
      "a",
      "é",
      "日",
      "\u200b",
      "\u200d",
      "\u2060",
      "\ufeff",
      "\u{e0041}",
      "\u202e",
      "\ufe0f",
      "\u00ad",
    );
    fc.assert(
      fc.property(fc.array(letter, { maxLength: 20 }), (letters) => {
        expect(sanitize(letters.join(""))).not.toMatch(/(?!\ufe0f)[\p{Cf}\p{Default_Ignorable_Code_Point}]/u);
      }),
    );
  });
});

test("tags and overrides of direction disguise a text, a flag and a joiner do not", () => {
  const texts = [
    "\u202eevil",
    "\u{e0041}\u{e0042}",
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "👩\u200d💻",
  ];
  expect(texts.map(disguisesText)).toEqual([true, true, false, false]);
});

test("data hidden in a row of selectors goes as a whole", () => {
  expect(stripHidden(`😀${"\ufe01\ufe05".repeat(9)}!`)).toBe("😀!");
  expect(stripHidden(`葛${"\u{e0101}".repeat(9)}!`)).toBe("葛!");
});
