import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { actOf, BINDINGS } from "../../visualizer/src/keys/bindings.ts";
import { scrollTo, windowOf } from "../../visualizer/src/list/window.ts";
import { hashOf, LISTS, placeOf, TABS, withoutToken } from "../../visualizer/src/state/address.ts";
import { indexOf, merged } from "../../visualizer/src/state/log.ts";
import { stepped } from "../../visualizer/src/state/steps.ts";
import { word } from "./log.ts";

describe("the address", () => {
  test("comes back as the place it was made from", () => {
    fc.assert(
      fc.property(
        fc.record({
          list: fc.constantFrom(...LISTS),
          space: fc.string({ minLength: 1 }),
          run: fc.option(fc.string({ minLength: 1 })),
          session: fc.option(fc.string({ minLength: 1 })),
          at: fc.option(fc.integer({ min: 1 })),
          tab: fc.constantFrom(...TABS),
        }),
        (place) => {
          // A run that is chosen knows its session.
          const session = place.run === null ? place.session : null;
          expect(placeOf(hashOf(place))).toEqual({ ...place, session });
        },
      ),
    );
  });

  test("nonsense in it is left out", () => {
    expect(placeOf("#list=all&run=&session=&at=-3&tab=nothing&at=x")).toEqual({
      ...{ list: "runs", space: "global", run: null, session: null },
      ...{ at: null, tab: "events" },
    });
  });

  test("gives up its token, and a link never holds one", () => {
    expect(withoutToken("#token=secret&run=r&at=4")).toEqual({ token: "secret", hash: "#run=r&at=4" });
    expect(withoutToken("#token=secret")).toEqual({ token: "secret", hash: "" });
    expect(hashOf(placeOf("#token=secret&run=r"))).toBe("#run=r");
  });
});

describe("steps in time", () => {
  const rows = [word(2), word(4), word(6)];

  test("go from now to the last but one, stop at the first, and end in now", () => {
    expect(stepped(rows, null, -1)).toBe(4);
    expect(stepped(rows, 4, -1)).toBe(2);
    expect(stepped(rows, 2, -1)).toBe(2);
    expect(stepped(rows, 2, 1)).toBe(4);
    expect(stepped(rows, 4, 1)).toBe(null);
    expect(stepped(rows, null, 1)).toBe(null);
    expect(stepped([], null, -1)).toBe(null);
  });

  test("from a row that is filtered away to the nearest ones that are shown", () => {
    expect(stepped(rows, 5, -1)).toBe(4);
    expect(stepped(rows, 5, 1)).toBe(null);
    expect(stepped(rows, 3, -1)).toBe(2);
    expect(stepped(rows, 1, 1)).toBe(2);
  });
});

describe("rows of a log", () => {
  test("are merged into the sorted set of all, in whatever pieces they come", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 60 }))), (pieces) => {
        const log = pieces.reduce(
          (all, ids) =>
            merged(
              all,
              ids.map((id) => word(id)),
            ),
          [] as readonly ReturnType<typeof word>[],
        );
        expect(log.map(({ id }) => id)).toEqual([...new Set(pieces.flat())].toSorted((a, b) => a - b));
      }),
    );
  });

  test("are found by id, or by the last one before it", () => {
    const log = [word(2), word(4), word(6)];
    expect([1, 2, 3, 6, 9].map((id) => indexOf(log, id))).toEqual([-1, 0, 0, 2, 2]);
  });
});

describe("a long list", () => {
  test("draws what is seen and a little more, however long it is", () => {
    expect(windowOf(50_000, 40, 1_000_000, 400)).toEqual({ first: 24_992, end: 25_018 });
    expect(windowOf(3, 40, 0, 400)).toEqual({ first: 0, end: 3 });
    expect(windowOf(3, 40, 90_000, 400)).toEqual({ first: 3, end: 3 });
  });

  test("scrolls only for a row that is not seen whole", () => {
    expect([0, 3, 9, 20].map((row) => scrollTo(row, 40, 100, 400))).toEqual([0, null, null, 440]);
  });
});

describe("keys", () => {
  const press = (key: string, more: Partial<Parameters<typeof actOf>[0]> = {}) =>
    actOf({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more }, false);

  test("no key means two things", () => {
    const keys = BINDINGS.flatMap((binding) => binding.keys);
    expect(keys.length).toBe(new Set(keys).size);
  });

  test("with Shift the arrows step over the machine's own steps", () => {
    expect(press("ArrowLeft")).toEqual({ kind: "step", by: -1, among: "rows" });
    expect(press("ArrowLeft", { shiftKey: true })).toEqual({ kind: "step", by: -1, among: "steps" });
    expect(press("?", { shiftKey: true })).toEqual({ kind: "help" });
  });

  test("the browser's own keys and typed text are left alone", () => {
    expect(press("r", { ctrlKey: true })).toBe(null);
    expect(press("l", { metaKey: true })).toBe(null);
    expect(actOf({ key: "r", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false }, true)).toBe(
      null,
    );
  });
});
