import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { describe, expect, test } from "vitest";

const LARGEST = 60 * 1024;

const built = await build({
  configFile: resolve("visualizer/vite.config.ts"),
  logLevel: "silent",
  build: { write: false },
});
const files = new Map(
  (built as Rolldown.RolldownOutput).output.map((file) => [
    file.fileName,
    file.type === "chunk" ? file.code : Buffer.from(file.source).toString("utf8"),
  ]),
);
const text = (name: string) => files.get(name) ?? "";

describe("the built page", () => {
  test("is a page, a script, a sheet, the drawings for whoever draws without a browser, and the licences", () => {
    const names = ["charts.json", "index.html", "licences.txt", "page.js", "style.css"];
    expect([...files.keys()].toSorted()).toEqual(names);
    for (const name of ["preact", "@preact/signals-core", "@xstate/store", "diff"]) {
      expect(text("licences.txt")).toContain(`${name}\n\n`);
    }
  });

  test("weighs at most 60 kB as it is loaded", () => {
    const bytes = ["index.html", "page.js", "style.css"].map((name) => gzipSync(text(name)).length);
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(LARGEST);
  });

  test("opens as a file and under a strict policy: no module, nothing inline, nothing from elsewhere", () => {
    const html = text("index.html");
    const found = [
      /type="module"|crossorigin|<style|style=|\son\w+=|<script>|https?:/.exec(html),
      /url\(|@import|https?:/.exec(text("style.css")),
      /\beval\(|new Function\(|createElement\(.style/.exec(text("page.js")),
      // Preact's own code knows the word; ours must not.
      /dangerouslySetInnerHTML:/.exec(text("page.js")),
    ].map((match) => match?.[0]);
    expect(found).toEqual([undefined, undefined, undefined, undefined]);
    expect(html).toContain('<script defer src="./page.js"></script>');
  });

  test("knows no address but Stately's and the name of SVG", () => {
    const addresses = new Set(text("page.js").match(/https?:\/\/[\w./-]+/g));
    expect([...addresses].toSorted()).toEqual([
      "http://www.w3.org/1998/Math/MathML",
      "http://www.w3.org/1999/xhtml",
      "http://www.w3.org/2000/svg",
      "https://stately.ai/registry/editor",
    ]);
  });

  test("carries no layout engine and nothing of the machine it was built on", () => {
    const found = /elk\.|node:fs|better-sqlite3|lineNumber:|visualizer\/src/.exec(text("page.js"));
    expect(found?.[0]).toBeUndefined();
  });
});
