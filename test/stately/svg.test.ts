import { DOMParser } from "@xmldom/xmldom";
import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { svg } from "../../src/machines/svg.ts";
import { layOut } from "../../visualizer/layout/lay-out.ts";
import { runtimeLines } from "./runtime.ts";

/** The texts of a drawing; throws when it is not well-formed. */
function textsOf(drawing: string): readonly string[] {
  const document = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  }).parseFromString(drawing, "image/svg+xml");
  return Array.from(document.getElementsByTagName("text")).map(({ textContent }) => textContent ?? "");
}

describe("the drawing", () => {
  test("shows every state with its actor, and what may happen anywhere, where the page shows it", async () => {
    const chart = await layOut(phase2Machine, "1");
    const drawing = svg(chart);
    const states = runtimeLines(phase2Machine).flatMap((line) => /^state (\S+)/.exec(line)?.[1] ?? []);
    const actors = runtimeLines(phase2Machine).flatMap(
      (line) => /^invoke \S+ \S+ (\S+)/.exec(line)?.[1] ?? [],
    );
    const keys = states.filter((state) => state !== "phase2").map((state) => state.split(".").at(-1));
    const anywhere = ["in any state", "cancel", "lease.lost", "lease.uncertain", "budget.reached"];
    const labels = chart.edges.flatMap(({ label }) => label?.text ?? []);
    expect(textsOf(drawing).toSorted()).toEqual([...keys, ...actors, ...anywhere, ...labels].toSorted());
    for (const { x, y, kind } of chart.states) {
      if (kind !== "root") expect(drawing).toContain(`transform="translate(${x} ${y})"`);
    }
  });

  test("takes names and texts for text", async () => {
    const odd = createMachine({
      id: "odd",
      initial: "<script>",
      states: {
        "<script>": { description: "</title><script>&", on: { go: "b&b" } },
        "b&b": { type: "final" },
      },
    });
    const drawing = svg(await layOut(odd, "1"));
    expect(textsOf(drawing)).toEqual(expect.arrayContaining(["<script>", "b&b"]));
    expect(drawing).not.toContain("<script");
  });
});
