import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";

/** A tree of files, folders and symlinks; `closed` folders take all rights away. */
export type Tree = { readonly [name: string]: Tree | string | { readonly link: string } };

const name = fc.constantFrom("a", "b", ".removed-1", ".removed-2", "ü", "with space", "x\ny", "-rf");

/** Random trees with links that lead to `outside`, to nowhere and to themselves. */
export function trees(outside: string): fc.Arbitrary<Tree> {
  const leaf = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom(outside, "..", "a", "/nowhere").map((link) => ({ link })),
  );
  return fc.letrec<{ tree: Tree; node: Tree | string | { link: string } }>((tie) => ({
    tree: fc.dictionary(name, tie("node"), { maxKeys: 5 }),
    node: fc.oneof({ depthSize: "medium", withCrossShrink: true }, leaf, tie("tree")),
  })).tree;
}

export function layTree(at: string, tree: Tree, closed = false): void {
  mkdirSync(at, { recursive: true });
  for (const [entry, node] of Object.entries(tree)) {
    const path = join(at, entry);
    if (typeof node === "string") writeFileSync(path, node);
    else if (isLink(node)) symlinkSync(node.link, path);
    else layTree(path, node, closed);
  }
  if (closed) chmodSync(at, 0);
}

/** Everything with a name below the top. */
export function sizeOf(tree: Tree): number {
  return Object.values(tree).reduce<number>(
    (sum, node) => sum + 1 + (typeof node === "string" || isLink(node) ? 0 : sizeOf(node)),
    0,
  );
}

/** Folders in folders, far deeper than a path may be long. Leaves the working folder as it was. */
export function layDeep(at: string, depth: number, file: string): void {
  const before = process.cwd();
  mkdirSync(at, { recursive: true });
  process.chdir(at);
  try {
    for (let level = 0; level < depth; level += 1) {
      mkdirSync("d".repeat(40));
      process.chdir("d".repeat(40));
    }
    writeFileSync("file", file);
  } finally {
    process.chdir(before);
  }
}

function isLink(node: Tree | { readonly link: string }): node is { readonly link: string } {
  return typeof node.link === "string";
}
