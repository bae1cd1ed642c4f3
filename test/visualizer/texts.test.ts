import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readExportedRun } from "../../visualizer/src/share/exported-run.ts";
import { shortened, visible, visibleLine } from "../../visualizer/src/text/visible.ts";

describe("a stranger's text", () => {
  test("cannot hide: escapes, overrides of direction and invisible letters become marks", () => {
    expect(visible("\u001b[31mred\u001b[0m")).toBe("␛[31mred␛[0m");
    expect(visible("user\u202egpj.exe")).toBe("user‹202E›gpj.exe");
    expect(visible("a\u200bb\u{e0041}c\ufeff\u0085\u007f")).toBe("a‹200B›b‹E0041›c‹FEFF›‹0085›␡");
    expect(visible("half \ud800 letter")).toBe("half ‹D800› letter");
  });

  test("keeps what is meant: letters of any script, tabs, line ends, pictures", () => {
    const text = "Grüße\tשלום\nمرحبا 日本語 👩‍🌾".replace("\u200d", "");
    expect(visible(text)).toBe(text);
    expect(visibleLine("a\nb\tc")).toBe("a⏎b␉c");
  });

  test("leaves nothing that acts, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(visibleLine(text)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff\u200b]/u);
      }),
    );
  });

  test("is cut when it is huge, and says by how much", () => {
    expect(shortened("x".repeat(12), 10)).toEqual({ text: "xxxxxxxxxx", left: 2 });
    expect(shortened("short", 10)).toEqual({ text: "short", left: 0 });
  });
});

describe("a file that is dropped on the page", () => {
  const whole = {
    format: "slowwave-run",
    version: 1,
    exportedAtMs: 1,
    detail: {
      run: { id: "r", space: "global", state: "done", value: "failed", line: "", createdAtMs: 1 },
      owner: { id: "o", life: "dead" },
      machine: { hash: "h" },
      can: { cancel: { ok: false, why: "" }, retry: { ok: false, why: "" } },
      budget: [],
      events: [{ id: 1, run: "r", sequence: 0, atMs: 1, type: "xstate.init", value: "claiming", data: {} }],
    },
    snapshots: [],
    diff: null,
  };

  test("is read when it is an exported run", () => {
    expect(readExportedRun(JSON.stringify(whole))).toEqual(whole);
  });

  test.each([
    ["not JSON", "{", /not JSON/],
    ["another JSON", "[]", /not an exported run/],
    ["null", "null", /not an exported run/],
    ["a later format", JSON.stringify({ ...whole, version: 2 }), /format 2/],
    [
      "half of one",
      JSON.stringify({ ...whole, detail: { ...whole.detail, run: {} } }),
      /detail.run.id is missing/,
    ],
    [
      "one with a broken row",
      JSON.stringify({ ...whole, detail: { ...whole.detail, events: [{ id: "1" }] } }),
      /detail.events.0.id is missing/,
    ],
  ])("is refused in a sentence when it is %s", (_, text, sentence) => {
    const read = readExportedRun(text);
    expect("wrong" in read ? read.wrong : "").toMatch(sentence);
  });
});
