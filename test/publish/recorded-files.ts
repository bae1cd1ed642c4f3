import type { Files, Folder } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";

/** One thing a publish did to its root or its store. Paths are relative to the root, which is empty itself. */
export type Deed =
  /** The name is there; its bytes are on the disk only after `data`. */
  | { readonly do: "create"; readonly path: string; readonly content: Buffer }
  | { readonly do: "data"; readonly path: string }
  | { readonly do: "rename"; readonly path: string; readonly to: string }
  | { readonly do: "remove"; readonly path: string }
  | { readonly do: "makeFolder"; readonly path: string }
  | { readonly do: "removeFolder"; readonly path: string }
  /** What happened to the names in this folder is on the disk. */
  | { readonly do: "sync"; readonly path: string }
  /** The point of no return, and the end; a database tells neither before it is on the disk. */
  | { readonly do: "commit" }
  | { readonly do: "close" };

/** The promise a worse program would not wait for. */
export type Careless = "bytes" | "names";

/** The real files with a record of all that changes below `root`. What `careless` names is left out, on the disk as in the record. */
export function recordedFiles(root: string, careless?: Careless): Files & { readonly deeds: Deed[] } {
  const files = nodeFiles();
  const deeds: Deed[] = [];
  const wrap = (folder: Folder): Folder => {
    if (folder.path !== root && !folder.path.startsWith(`${root}/`)) return folder;
    const at = (name: string) => `${folder.path}/${name}`.slice(root.length + 1);
    return {
      ...folder,
      enter: async (name) => wrap(await folder.enter(name)),
      create: async (name, content, options) => {
        const sync = options?.sync === true && careless !== "bytes";
        // Before it happens: the power may fail in the middle of it.
        deeds.push({ do: "create", path: at(name), content: Buffer.from(content) });
        await folder.create(name, content, { ...options, sync });
        if (sync) deeds.push({ do: "data", path: at(name) });
      },
      rename: async (from, to) => {
        deeds.push({ do: "rename", path: at(from), to: at(to) });
        await folder.rename(from, to);
      },
      remove: async (name) => {
        const isThere = (await folder.facts(name)) !== null;
        if (isThere) deeds.push({ do: "remove", path: at(name) });
        await folder.remove(name);
      },
      makeFolder: async (name) => {
        await folder.makeFolder(name);
        deeds.push({ do: "makeFolder", path: at(name) });
      },
      removeFolder: async (name) => {
        const isGone = await folder.removeFolder(name);
        if (isGone) deeds.push({ do: "removeFolder", path: at(name) });
        return isGone;
      },
      sync: async () => {
        if (careless === "names") return;
        await folder.sync();
        deeds.push({ do: "sync", path: folder.path.slice(root.length + 1) });
      },
    };
  };
  return { ...files, deeds, open: async (path) => wrap(await files.open(path)) };
}
