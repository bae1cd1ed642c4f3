import type { Plugin } from "vite";

/**
 * Loads the page as a deferred classic script: browsers refuse modules that are opened as files, and the page
 * must also open without a server.
 */
export function classicScript(): Plugin {
  return {
    name: "classic-script",
    apply: "build",
    enforce: "post",
    transformIndexHtml: {
      order: "post",
      handler: (html) =>
        html
          .replace('<script type="module" crossorigin', "<script defer")
          .replace(/ crossorigin(?=[ >])/g, ""),
    },
  };
}
