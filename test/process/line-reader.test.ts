import fc from "fast-check";
import { expect, test } from "vitest";
import { lineReader } from "../../src/process/line-reader.ts";

interface Heard {
  readonly lines: string[];
  readonly overflows: string[];
}

function read(chunks: readonly Buffer[], limits = { maxLineBytes: 1_000, maxOutputBytes: 10_000 }): Heard {
  const heard: Heard = { lines: [], overflows: [] };
  const reader = lineReader(limits, {
    line: (text) => heard.lines.push(text),
    overflow: (why) => heard.overflows.push(why),
  });
  for (const chunk of chunks) reader.feed(chunk);
  reader.end();
  return heard;
}

test("lines are the same however the bytes are cut, also inside a character", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !/[\r\n]/.test(text));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), fc.array(fc.nat(200)), (lines, cuts) => {
      const bytes = Buffer.from(lines.join("\n").toWellFormed());
      const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = edges.slice(1).map((edge, at) => bytes.subarray(edges[at], edge));
      expect(read(chunks)).toEqual({
        lines: lines.map((text) => text.toWellFormed()).filter((text) => text.trim() !== ""),
        overflows: [],
      });
    }),
  );
});

test("CR LF ends a line too, the last line needs no end, and bad bytes become U+FFFD", () => {
  const bytes = Buffer.concat([Buffer.from("a\r\nb\n\n  \nc"), Buffer.from([0xff])]);
  expect(read([bytes])).toEqual({ lines: ["a", "b", "c\ufffd"], overflows: [] });
});

test("a line of exactly the limit passes; one byte more is told once, and nothing is read after it", () => {
  const limits = { maxLineBytes: 4, maxOutputBytes: 100 };
  expect(read([Buffer.from("abcd\nef\n")], limits)).toEqual({ lines: ["abcd", "ef"], overflows: [] });
  expect(read([Buffer.from("ab\ncdefg"), Buffer.from("h\nij\n")], limits)).toEqual({
    lines: ["ab"],
    overflows: ["it wrote a line longer than 4 bytes"],
  });
});

test("output past the limit of everything together is told once", () => {
  const limits = { maxLineBytes: 100, maxOutputBytes: 5 };
  expect(read([Buffer.from("ab\n"), Buffer.from("cde\n"), Buffer.from("f\n")], limits)).toEqual({
    lines: ["ab"],
    overflows: ["it wrote more than 5 bytes of output"],
  });
});
