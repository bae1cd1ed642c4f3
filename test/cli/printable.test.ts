import { describe, expect, test } from "vitest";
import { clipped, printable, printableJson, rendered } from "../../src/cli/ui/text.ts";

const ESC = "\u001b";

describe("text on its way to a terminal", () => {
  test.each([
    [
      "an escape sequence is seen, not obeyed",
      `a${ESC}[31mred${ESC}]0;title\u0007`,
      "a\u{fffd}[31mred\u{fffd}]0;title\u{fffd}",
    ],
    ["so is one of the C1 set", "a\u009b31mb\u0085c", "a\u{fffd}31mb c"],
    ["line breaks of every kind become spaces", "a\nb\r\nc\u2028d\u2029e\vf", "a b c d e f"],
    ["carriage returns don't overwrite", "good\rbad", "good bad"],
    ["direction overrides go", "\u202eevil\u202c \u2066x\u2069 \u200fy\u061c", "evil x y"],
    [
      "so do zero-width characters, tags and fillers",
      "ad\u200bm\u2060i\ufeffn\u00ad\u{e0041}\u3164",
      "admin",
    ],
    ["half characters are replaced", "\ud83c x", "\u{fffd} x"],
    ["a tower of marks is cut", `e${"\u0301".repeat(50)}!`, `e${"\u0301".repeat(6)}!`],
    ["writing stays as it is", "日本 — Ω ä é 🌙 ❤ naïve العربية", "日本 — Ω ä é 🌙 ❤ naïve العربية"],
  ])("%s", (_, given, expected) => {
    expect(printable(given)).toBe(expected);
  });

  test("where lines are wanted, line feeds and tabs stay, and nothing else", () => {
    expect(printable("a\r\nb\tc\rd\u2028e\u0007", { lines: true })).toBe("a\nb\tc\u{fffd}d\u{fffd}e\u{fffd}");
  });

  test("emoji and joined letters stay byte for byte, loose joiners go", () => {
    const kept =
      "👩\u200d💻 ❤\ufe0f 1\ufe0f\u20e3 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} می\u200cخواهم 葛\u{e0100}";
    expect(printable(`${kept} a\u200db`)).toBe(`${kept} ab`);
  });

  test("every character of the first two planes and the tags is either plain or gone", () => {
    const all = Array.from({ length: 0x21000 }, (_, at) => (at < 0x20000 ? at : 0xe0000 + at - 0x20000));
    // Signs that are seen, although Unicode counts them among the format characters.
    const SEEN = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/gu;
    const shown = all.map((code) => printable(String.fromCodePoint(code))).join("");
    expect(shown.replace(SEEN, "")).not.toMatch(
      /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u,
    );
  });

  test("styles come from us alone: pieces cannot bring their own", () => {
    const line = ["a ", { style: "red", text: `b${ESC}[0m` }] as const;
    expect(rendered(line, { colors: true })).toBe(`a ${ESC}[31mb\u{fffd}[0m${ESC}[39m`);
    expect(rendered(line, { colors: false })).toBe("a b\u{fffd}[0m");
  });

  test("a long line is cut by characters, not by halves of them", () => {
    expect(clipped("🌙".repeat(10), 4)).toBe("🌙🌙🌙…");
    expect(clipped("abcd", 4)).toBe("abcd");
    expect(clipped("x".repeat(1_000_000), 3)).toBe("xx…");
  });

  test("JSON keeps its meaning and shows no control character", () => {
    const value = { a: `x${ESC}[2J\u009b\u202e\u200b\u{e0041}\u007f`, b: ["日本\n"] };
    const text = printableJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toMatch(/^[^\p{Cf}\p{Zl}\p{Zp}]*$/u);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});
