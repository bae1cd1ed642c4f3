import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { AnyStateMachine } from "xstate";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { ALPHABET, ANSWERS } from "./alphabet.ts";
import { phase2Graph, transitions } from "./graph.ts";

const SOURCES = new URL("../../src/", import.meta.url);

describe("the alphabet of what the world may do", () => {
  test("holds every event the machine listens for, and no other", () => {
    expect(new Set(ALPHABET.map(({ event }) => event.type))).toEqual(
      new Set(transitions.all.map(({ event }) => event)),
    );
  });

  test("has answers for every actor the machine invokes, and for no other", () => {
    expect(Object.keys(ANSWERS).sort()).toEqual(invoked(phase2Machine.root).sort());
  });

  test("gives every happening a name of its own, and one event for it", () => {
    expect(new Set(ALPHABET.map(({ name }) => name)).size).toBe(ALPHABET.length);
    expect(new Set(ALPHABET.map(({ event }) => JSON.stringify(event))).size).toBe(ALPHABET.length);
  });

  test("says nothing that is not heard somewhere", () => {
    const heard = new Set(phase2Graph().edges.map(({ name }) => name));
    expect(ALPHABET.map(({ name }) => name).filter((name) => !heard.has(name))).toEqual([]);
  });

  test("never speaks to deaf ears: in every state every happening takes a transition", () => {
    const unheard = phase2Graph().edges.filter((edge) => edge.transitions.length === 0);
    expect(unheard.map(({ from, name }) => `${from}: ${name}`)).toEqual([]);
  });

  test("has every exact status that a service reports with an error", () => {
    const reported = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
      // Phase 1 has an alphabet of its own.
      .filter((file) => file.endsWith(".ts") && !file.startsWith("learning"))
      .flatMap((file) => [
        ...readFileSync(new URL(file, SOURCES), "utf8").matchAll(
          /SlowwaveError\(\s*"(failed_\w+|machine_lost)"/g,
        ),
      ])
      .map(([, code]) => code);
    expect(reported).not.toEqual([]);
    expect(reported.filter((code) => !ALPHABET.some(({ name }) => name.endsWith(`: ${code}`)))).toEqual([]);
  });
});

function invoked(node: AnyStateMachine["root"]): string[] {
  return [...node.invoke.map(({ id }) => id), ...Object.values(node.states).flatMap(invoked)].filter(
    // Several states may invoke the same actor.
    (id, at, all) => all.indexOf(id) === at,
  );
}
