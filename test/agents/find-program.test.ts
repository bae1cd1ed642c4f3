import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findProgram } from "../../src/process/environment.ts";

const biome = { program: "biome", npmPackage: "@biomejs/biome" };

test("a program on PATH comes first, and what can't be run there does not count", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-path-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [plain, folderOfThatName, good] = ["plain", "folder", "good"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(plain);
  writeFileSync(join(plain, "biome"), "no program", { mode: 0o644 });
  mkdirSync(join(folderOfThatName, "biome"), { recursive: true });
  mkdirSync(good);
  writeFileSync(join(good, "biome"), "#!/bin/sh\n");
  chmodSync(join(good, "biome"), 0o755);
  const path = [plain, folderOfThatName, good].join(delimiter);
  expect(await findProgram(biome, path)).toEqual([join(good, "biome")]);
});

test("where PATH has none, the npm package beside this one is started with the Node that runs here", async () => {
  const found = await findProgram(biome, "");
  expect(found).toEqual([process.execPath, resolve("node_modules/@biomejs/biome/bin/biome")]);
});

test("a relative entry of PATH is not looked through: the working folder may hold anything", async () => {
  const here = relative(process.cwd(), resolve("node_modules/.bin"));
  expect(await findProgram({ program: "biome", npmPackage: "no-such-package" }, here)).toBeNull();
  expect(await findProgram({ program: "biome", npmPackage: "no-such-package" }, undefined)).toBeNull();
});
