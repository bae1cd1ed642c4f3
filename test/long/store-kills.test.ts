import { test } from "vitest";
import { freshFolder } from "../persistence/folder.ts";
import { killWriters } from "../persistence/kill.ts";

const folder = freshFolder();

test("two hundred killed writers leave whole commits only, and every one they had acknowledged", async () => {
  const kills = Array.from({ length: 200 }, (_, at) => 1 + ((at * 37) % 151));
  await killWriters(folder.file("slowwave.db"), kills);
}, 600_000);
