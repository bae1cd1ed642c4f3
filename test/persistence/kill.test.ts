import { test } from "vitest";
import { freshFolder } from "./folder.ts";
import { killWriters } from "./kill.ts";

const folder = freshFolder();

test("a writer killed at any moment leaves whole commits only, and every one it had acknowledged", async () => {
  await killWriters(folder.file("slowwave.db"), [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]);
}, 60_000);
