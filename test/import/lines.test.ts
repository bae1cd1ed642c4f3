import { describe, expect, test } from "vitest";
import { type Line, linesOf, MAX_LINE_BYTES } from "../../src/import/stage1-file.ts";

async function read(...chunks: readonly (string | Uint8Array)[]): Promise<readonly unknown[]> {
  async function* source() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const lines: Line[] = [];
  for await (const line of linesOf(source())) lines.push(line);
  return lines.map((line) =>
    "text" in line ? [line.number, line.text] : [line.number, line.rejection.code],
  );
}

describe("lines of a stream", () => {
  test("are the same however the bytes arrive", async () => {
    const bytes = Buffer.from('{"a":"ä"}\r\n\n{"b":"🌙"}');
    const whole = await read(bytes);
    const single = await read(...[...bytes].map((byte) => Uint8Array.of(byte)));
    expect(whole).toEqual([
      [1, '{"a":"ä"}\r'],
      [3, '{"b":"🌙"}'],
    ]);
    expect(single).toEqual(whole);
  });

  test("blank ones are passed over, but counted", async () => {
    expect(await read("\n \t\r\n\nx\n\n")).toEqual([[4, "x"]]);
  });

  test("a byte order mark is tolerated at the start and nowhere else", async () => {
    expect(await read("\u{feff}x\n\u{feff}y")).toEqual([
      [1, "x"],
      [2, "\u{feff}y"],
    ]);
  });

  test("one that is not UTF-8 is rejected with its number, and the next is read", async () => {
    expect(await read("a\n", Uint8Array.of(0x62, 0xff, 0x0a), "c")).toEqual([
      [1, "a"],
      [2, "invalid_utf8"],
      [3, "c"],
    ]);
  });

  test("half a character at the end of the file is not UTF-8 either", async () => {
    expect(await read(Uint8Array.of(0xf0, 0x9f, 0x8c))).toEqual([[1, "invalid_utf8"]]);
  });

  test("a NUL byte makes a line no text", async () => {
    expect(await read("a\0b\nc")).toEqual([
      [1, "nul"],
      [2, "c"],
    ]);
  });

  test("one of exactly 8 MiB is read, one byte more is not, and no more than one is held", async () => {
    const full = "x".repeat(MAX_LINE_BYTES);
    expect(await read(full, "\n", full, "x\n", "after")).toEqual([
      [1, full],
      [2, "line_too_long"],
      [3, "after"],
    ]);
  });
});
