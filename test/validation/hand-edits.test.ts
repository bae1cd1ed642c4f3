import { expect, test } from "vitest";
import { recordHandEdits } from "../../src/memory-files/hand-edits.ts";
import { handEditsKept } from "../../src/validation/loss.ts";
import { session } from "../engine/phase2-world.ts";
import { baseOf, candidateOf } from "./candidates.ts";

const GENERATED = [
  "# Task Group: shop",
  "scope: the shop",
  "applies_to: cwd=/home/dev/shop; reuse_rule=safe",
  "",
  "## Reusable knowledge",
  "- prices are integers of cents",
  "- pictures are served from the network",
  "",
].join("\n");
const EDITED = GENERATED.replace(
  "- pictures are served from the network",
  "- never deploy on Fridays, says the owner",
);

/** What the check says of a result, when a person made EDITED of GENERATED. */
async function found(result: string) {
  const before = await candidateOf([session(1)], { "MEMORY.md": EDITED });
  const handEdits = { "MEMORY.md": recordHandEdits({ text: GENERATED, edits: [] }, EDITED) };
  const candidate = await candidateOf(
    [session(1)],
    { "MEMORY.md": result },
    { ...baseOf(before), handEdits },
  );
  return (await handEditsKept(candidate)).map(({ finding }) => `${finding.code}: ${finding.message}`);
}

test("a result that keeps the person's line and leaves away what they deleted is let through", async () => {
  expect(await found(EDITED.replace("integers of cents", "whole cents"))).toEqual([]);
});

test("a result without the person's line goes back, with its place", async () => {
  expect(await found(EDITED.replace("- never deploy on Fridays, says the owner\n", ""))).toEqual([
    "hand_edit_lost: Line 7 of the former MEMORY.md, which a person wrote, is not in the new one.",
  ]);
});

test("a result that brings back what the person deleted goes back, with its place", async () => {
  expect(await found(`${EDITED}- pictures are served from the network\n`)).toEqual([
    "hand_edit_lost: Line 8 of MEMORY.md was taken away by a person and is back.",
  ]);
});
