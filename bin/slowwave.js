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
// A hook is a door of its own: an agent waits for it, so neither the commands nor the store are loaded, and in a checkout,
// too, it runs as it was built when that is newer.
function start() {
  var isHook = process.argv[2] === "hook";
  Promise.all([import("node:fs"), import("node:url")])
    .then((loaded) => {
      var fs = loaded[0];
      var at = (name) => new URL(name, import.meta.url);
      var changed = (name) => (fs.statSync(at(name), { throwIfNoEntry: false }) || { mtimeMs: 0 }).mtimeMs;
      var door = isHook ? "delivery/hook" : "cli/main";
      var source = `../src/${door}.ts`;
      var built = `../dist/${door}.js`;
      var isEdited =
        !isHook ||
        Math.max(
          changed(source),
          changed("../src/delivery/folders.ts"),
          changed("../src/delivery/schedule-state.ts"),
        ) > changed(built);
      var runsSource = Boolean(process.features.typescript) && isEdited && fs.existsSync(at(source));
      return import(at(runsSource ? source : built).href);
    })
    .then((main) => (isHook ? main.enterHook(process.argv.slice(3), Date.now) : main.enter()))
    .catch((error) => {
      // An agent must not be held up by a hook, nor told anything.
      if (isHook) process.exit(0);
      process.stderr.write(`slowwave could not start: ${String(error)}\n`);
      process.exit(1);
    });
}
