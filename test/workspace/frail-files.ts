import type { Files, Folder } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";

/** What a change to the file system was: `create`, `rename`, … and the real path. */
export interface Operation {
  readonly kind: "create" | "rename" | "remove" | "makeFolder" | "removeFolder" | "makeFolders" | "unlock";
  readonly path: string;
}

export interface FrailFiles extends Files {
  readonly done: readonly Operation[];
}

/**
 * The real files, with every change counted. `before` is asked ahead of each change with its number (from 1) and may
 * throw. `half`: a failing `create` leaves half of its bytes behind, as a full disk does.
 */
export function frailFiles(
  before: (count: number, operation: Operation) => void = () => {},
  half = false,
): FrailFiles {
  const files = swiftFiles();
  const done: Operation[] = [];
  let count = 0;
  const about = (kind: Operation["kind"], path: string) => {
    count += 1;
    before(count, { kind, path });
    done.push({ kind, path });
  };
  const wrap = (folder: Folder): Folder => ({
    ...folder,
    enter: async (name) => wrap(await folder.enter(name)),
    create: async (name, content, options) => {
      try {
        about("create", `${folder.path}/${name}`);
      } catch (error) {
        if (half) await folder.create(name, content.subarray(0, content.length / 2), options);
        throw error;
      }
      await folder.create(name, content, options);
    },
    rename: async (from, to) => {
      about("rename", `${folder.path}/${to}`);
      await folder.rename(from, to);
    },
    remove: async (name) => {
      if ((await folder.facts(name)) !== null) about("remove", `${folder.path}/${name}`);
      await folder.remove(name);
    },
    makeFolder: async (name) => {
      about("makeFolder", `${folder.path}/${name}`);
      await folder.makeFolder(name);
    },
    removeFolder: async (name) => {
      about("removeFolder", `${folder.path}/${name}`);
      return folder.removeFolder(name);
    },
    unlock: async (name) => {
      about("unlock", `${folder.path}/${name}`);
      await folder.unlock(name);
    },
  });
  return {
    done,
    open: async (path) => wrap(await files.open(path)),
    facts: files.facts,
    assertWritable: files.assertWritable,
    makeFolders: async (path) => {
      if ((await files.facts(path)) === null) about("makeFolders", path);
      await files.makeFolders(path);
    },
  };
}

/** Every write, rename, removal and wait for the disk below `root`, in order: `create! a` was on the disk when it returned. */
export function diaryOf(root: string): Files & { readonly diary: string[] } {
  const files = nodeFiles();
  const diary: string[] = [];
  const wrap = (folder: Folder): Folder => {
    const at = (name: string) => `${folder.path}/${name}`.slice(root.length + 1);
    return {
      ...folder,
      enter: async (name) => wrap(await folder.enter(name)),
      create: async (name, content, options) => {
        await folder.create(name, content, options);
        diary.push(`create${options?.sync ? "!" : ""} ${at(name)}`);
      },
      rename: async (from, to) => {
        await folder.rename(from, to);
        diary.push(`rename ${at(from)} ${at(to)}`);
      },
      remove: async (name) => {
        await folder.remove(name);
        diary.push(`remove ${at(name)}`);
      },
      makeFolder: async (name) => {
        await folder.makeFolder(name);
        diary.push(`make ${at(name)}`);
      },
      sync: async () => {
        await folder.sync();
        diary.push(`sync ${at("")}`);
      },
    };
  };
  return { ...files, diary, open: async (path) => wrap(await files.open(path)) };
}

/** The real files, but nobody waits for the disk: tests cut no power, and thousands of waits take long. */
export function swiftFiles(): Files {
  const wrap = (folder: Folder): Folder => ({
    ...folder,
    enter: async (name) => wrap(await folder.enter(name)),
    create: (name, content, options) => folder.create(name, content, { ...options, sync: false }),
    sync: async () => {},
  });
  const files = nodeFiles();
  return { ...files, open: async (path) => wrap(await files.open(path)) };
}

/** The process dies ahead of its n-th change: that one and all later ones don't happen. */
export function dyingAt(n: number): (count: number) => void {
  let dead = false;
  return (count) => {
    dead ||= count >= n;
    if (dead) throw new Error("killed");
  };
}
