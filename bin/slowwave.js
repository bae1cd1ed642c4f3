#!/usr/bin/env node
// Nothing newer than the first Node with modules, and no static import: an old Node gets as far as the sentence
// that refuses it.
var NEEDED = [22, 14];

var version = process.versions.node.split(".").map(Number);
if (version[0] < NEEDED[0] || (version[0] === NEEDED[0] && version[1] < NEEDED[1])) {
  process.stderr.write(
    "slowwave needs Node " +
      NEEDED.join(".") +
      " or newer, and this is " +
      process.versions.node +
      "; install a newer Node and try again.\n",
  );
  process.exit(2);
} else {
  start();
}

// In a checkout the sources themselves run, so that what runs is never older than what was edited; a package has no sources.
function start() {
  Promise.all([import("node:fs"), import("node:url")])
    .then((loaded) => {
      var source = new URL("../src/cli/main.ts", import.meta.url);
      var built = new URL("../dist/cli/main.js", import.meta.url);
      var runsSource = Boolean(process.features.typescript) && loaded[0].existsSync(source);
      return import(runsSource ? source.href : built.href);
    })
    .then((main) => main.enter())
    .catch((error) => {
      process.stderr.write(`slowwave could not start: ${String(error)}\n`);
      process.exit(1);
    });
}
