import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { httpError, PAGE_POLICY, SAFE_HEADERS } from "./request.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};

/** The built page. Read once and whole, so that a path is only ever a key, never a way into the disk. */
export interface Page {
  /** `path` is below the mount, without a leading slash; empty for the page itself. Throws `not_found`, `page_missing`. */
  answer(path: string): Response;
}

export function openPage(folder: string | null = pageFolder()): Page {
  let files: ReadonlyMap<string, Uint8Array<ArrayBuffer>> | null = null;
  return {
    answer: (path) => {
      files ??= folder === null ? new Map() : readAll(folder);
      if (files.size === 0) {
        throw httpError(
          "page_missing",
          "The page is not built here; `npm run build` makes it. The API works without it.",
        );
      }
      const name = path === "" ? "index.html" : path;
      const bytes = files.get(name);
      if (bytes === undefined) throw httpError("not_found", "There is nothing at this address.");
      return new Response(bytes, {
        headers: {
          ...SAFE_HEADERS,
          "content-security-policy": PAGE_POLICY,
          "content-type": TYPES[extname(name)] ?? "application/octet-stream",
          // Built files carry a hash in their name; the page itself must be asked for anew.
          "cache-control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
        },
      });
    },
  };
}

function readAll(folder: string): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [relative(folder, file).split(sep).join("/"), new Uint8Array(readFileSync(file))]),
  );
}

/** Where the built page is: beside the compiled server, or, when the sources run, where the build puts it. */
export function pageFolder(): string | null {
  const places = ["../visualizer", "../../dist/visualizer"].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  return places.find((place) => existsSync(join(place, "index.html"))) ?? null;
}
