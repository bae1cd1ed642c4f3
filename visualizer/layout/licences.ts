import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const PACKAGE = /^(?<folder>.*\/node_modules\/(?<name>(?:@[^/]+\/)?[^/]+))\//;

/** Puts the licences of all packages whose code is in the page beside it, as they ask for. */
export function licences(): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle(_, bundle) {
      const folders = new Map<string, string>();
      for (const file of Object.values(bundle)) {
        for (const id of file.type === "chunk" ? Object.keys(file.modules) : []) {
          const found = PACKAGE.exec(id)?.groups;
          if (found?.name !== undefined && found.folder !== undefined) folders.set(found.name, found.folder);
        }
      }
      const texts = [...folders].toSorted().map(([name, folder]) => `${name}\n\n${licenceOf(name, folder)}`);
      this.emitFile({
        type: "asset",
        fileName: "licences.txt",
        source: `${texts.join(`\n\n${"-".repeat(72)}\n\n`)}\n`,
      });
    },
  };
}

function licenceOf(name: string, folder: string): string {
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"]
    .map((each) => join(folder, each))
    .find((each) => existsSync(each));
  if (file !== undefined) return readFileSync(file, "utf8").trim();
  const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { license?: string };
  if (license === undefined) throw new Error(`${name} says nothing of its licence; it can't be in the page.`);
  return `Licence: ${license}`;
}
