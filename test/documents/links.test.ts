import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

/** Every file that `npm pack` would put into the package, but for what the build makes. */
function packedFiles(): ReadonlySet<string> {
  const answer = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [packed] = JSON.parse(answer) as readonly { readonly files: readonly { readonly path: string }[] }[];
  return new Set(packed?.files.map(({ path }) => path));
}

/** Targets of links and pictures, without code. */
function linksIn(markdown: string): readonly string[] {
  const prose = markdown.replace(/```[\s\S]*?```|`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\((?<link>[^)\s]+)\)|(?:src|srcset)="(?<source>[^"]+)"/g)].map(
    ({ groups }) => groups?.link ?? groups?.source ?? "",
  );
}

/** The anchor that GitHub and npm give a heading. */
function anchorsIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function deadLinksOf(page: string, isThere: (file: string) => boolean): readonly string[] {
  return linksIn(readFileSync(page, "utf8")).flatMap((link) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    const file = path === "" ? page : normalize(join(dirname(page), path));
    if (!isThere(file)) return [`${page} → ${link}`];
    const isDead = anchor !== undefined && !anchorsIn(readFileSync(file, "utf8")).includes(anchor);
    return isDead ? [`${page} → ${link}`] : [];
  });
}

test("every relative link of a packed page leads to a file of the package", () => {
  const packed = packedFiles();
  const pages = [...packed].filter((file) => file.endsWith(".md"));
  expect(pages).toEqual(expect.arrayContaining(["README.md", "ARCHITECTURE.md", "docs/memory-format.md"]));
  expect(pages.flatMap((page) => deadLinksOf(page, (file) => packed.has(file)))).toEqual([]);
});

test("a link that leads nowhere is seen", () => {
  expect(linksIn('[a](b.md) `[c](d.md)` <img src="e.png">')).toEqual(["b.md", "e.png"]);
  expect(existsSync("docs/nowhere.md")).toBe(false);
});

test("the package says where it comes from", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Record<string, unknown>;
  for (const name of ["repository", "homepage", "bugs", "license", "engines"])
    expect(manifest[name]).toBeDefined();
});
