import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * For `--import`, in the processes that run a recipe: the recipe's engine is found where it was installed
 * (`SLOWWAVE_RECIPE_MODULES`), and Slowwave's doors are the sources.
 */
const DOORS: Readonly<Record<string, string>> = {
  slowwave: "src/index.ts",
  "slowwave/agents": "src/agents/index.ts",
  "slowwave/sqlite": "src/persistence/sqlite/index.ts",
};
const installed = process.env.SLOWWAVE_RECIPE_MODULES ?? "";

registerHooks({
  resolve(specifier, context, next) {
    const door = DOORS[specifier];
    if (door !== undefined) return next(pathToFileURL(resolve(door)).href, context);
    if (!/^@(dbos-inc|restatedev)\//.test(specifier) || context.parentURL?.includes("node_modules")) {
      return next(specifier, context);
    }
    return next(specifier, { ...context, parentURL: pathToFileURL(resolve(installed, "index.js")).href });
  },
});
