import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The names of types in a piece of source: those it imports from modules of ours, and those it declares for export. */
function typesIn(source: string): readonly string[] {
  const imported = [...source.matchAll(/import type \{([^}]*)\} from "\.\/[^"]+"/g)].flatMap(
    ([, names = ""]) => names.split(","),
  );
  const declared = [...source.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name = ""]) => name);
  return [...imported.map((name) => name.trim()).filter((name) => name !== ""), ...declared];
}

test.each(["ports", "agent", "event", "generation", "job", "memory", "run"])(
  "the main door exports every type that domain/%s.ts names",
  (file) => {
    const door = readFileSync("src/index.ts", "utf8");
    const exported = new Set([...door.matchAll(/\b[A-Z]\w+\b/g)].map(([name]) => name));
    const missing = typesIn(readFileSync(`src/domain/${file}.ts`, "utf8")).filter(
      (name) => !exported.has(name),
    );
    expect(missing).toEqual([]);
  },
);
