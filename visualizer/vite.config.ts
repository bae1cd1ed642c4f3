import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { PHASE1_VERSION, phase1Machine } from "../src/machines/phase1.ts";
import { PHASE2_VERSION, phase2Machine } from "../src/machines/phase2.ts";
import { classicScript } from "./layout/classic-script.ts";
import { licences } from "./layout/licences.ts";
import { charts } from "./layout/plugin.ts";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // The page may be mounted under any path, or opened as a file.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact", development: false } },
  plugins: [
    charts([
      { machine: phase2Machine, version: PHASE2_VERSION },
      { machine: phase1Machine, version: PHASE1_VERSION },
    ]),
    classicScript(),
    licences(),
  ],
  build: {
    outDir: fileURLToPath(new URL("../dist/visualizer", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    // One style sheet as a file: a script that writes styles would need a weaker policy.
    cssCodeSplit: false,
    rolldownOptions: {
      output: { format: "iife", entryFileNames: "page.js", assetFileNames: "[name][extname]" },
    },
  },
});
