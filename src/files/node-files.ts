import * as fs from "node:fs";
import { access, lutimes, mkdir, opendir, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { codeOf } from "../domain/failure.ts";
import type { Entry, Facts, FileKind, FileRead, Files, Folder } from "./folder.ts";

/**
 * The real file system.
 *
 * Node has no `openat`. On Linux a held folder is addressed as `/proc/self/fd/N/name`, which resolves from the
 * folder itself wherever its name leads by now. Elsewhere the name is used, and the folder behind it is
 * compared with the held one after each opening: a swap is noticed, though one that is undone in between is not.
 */
export function nodeFiles(options: { readonly anchored?: boolean } = {}): Files {
  const anchored = options.anchored ?? fs.existsSync("/proc/self/fd");
  return {
    open: (path) => openFolder(anchored ? path.replace(/\/\.$/, "") : path, path, anchored),
    facts: (path) => withPath(path, path, () => factsAt(path)),
    makeFolders,
    assertWritable: (path) => access(path, fs.constants.W_OK | fs.constants.X_OK),
  };
}

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
/** The longest path that Linux takes. */
const PATH_LENGTH = 4_096;
/** Bytes of a folder's own, from which on it is read in portions: some ten thousand names. */
const LARGE_FOLDER = 512 * 1024;
/** Of Linux; Node does not name it. */
const O_PATH = 0o10000000;

const { O_CREAT, O_DIRECTORY = 0, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_WRONLY } = fs.constants;

/** Without promises of `fs/promises`: a file handle object per file costs more than the file. */
const open = promisify(fs.open);
const close = promisify(fs.close);
const fstat = promisify(fs.fstat);
const lstat = promisify(fs.lstat);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fsync = promisify(fs.fsync);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);
const makeOne = promisify(fs.mkdir);
const removeOne = promisify(fs.rmdir);
const chmod = promisify(fs.chmod);
const lchmod = fs.lchmod === undefined ? null : promisify(fs.lchmod);
const readdir = promisify(fs.readdir) as unknown as (
  path: string,
  options: { withFileTypes: true },
) => Promise<fs.Dirent[]>;

async function makeFolders(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncPath(dirname(made));
}

async function syncPath(path: string): Promise<void> {
  const fd = await open(path, O_RDONLY | O_DIRECTORY);
  try {
    await syncFolder(fd);
  } finally {
    await close(fd);
  }
}

/** Some file systems keep the order of names by themselves and refuse the question. */
async function syncFolder(fd: number): Promise<void> {
  await unless(["EINVAL", "ENOTSUP"], () => fsync(fd));
}

async function openFolder(path: string, address: string, anchored: boolean): Promise<Folder> {
  const fd = await withPath(address, path, () => open(address, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return heldFolder(fd, path, anchored);
}

function heldFolder(fd: number, path: string, anchored: boolean): Folder {
  const base = anchored ? `/proc/self/fd/${fd}` : path;
  const at = (name: string) => `${base}/${segment(name)}`;
  const below = (name: string) => (anchored ? shortened(`${path}/${name}`) : join(path, name));
  const act = <Result>(name: string, work: (address: string) => Promise<Result>) =>
    withPath(at(name), below(name), () => work(at(name)));
  const unmoved = async () => {
    if (anchored) return;
    const [held, named] = await Promise.all([fstat(fd), lstat(path)]);
    if (identityOf(held) !== identityOf(named)) {
      throw Object.assign(new Error(`ELOOP: the folder was replaced meanwhile, '${path}'`), {
        code: "ELOOP",
      });
    }
  };
  return {
    ...readingOf({ fd, base, path, act, unmoved }),
    path,
    enter: async (name) => {
      const inner = await openFolder(below(name), at(name), anchored);
      try {
        await unmoved();
      } catch (error) {
        await inner.close();
        throw error;
      }
      return inner;
    },
    parent: () => openFolder(dirname(path), anchored ? `${base}/..` : dirname(path), anchored),
    own: () => factsOf(fs.fstatSync(fd)),
    address: at,
    create: (name, content, { mode = PRIVATE_FILE, sync = false } = {}) =>
      act(name, async (address) => {
        await unmoved();
        await createFile(address, content, { mode, sync });
      }),
    rename: (from, to) =>
      withPath(at(from), below(to), async () => {
        await unmoved();
        await rename(at(from), at(to));
      }),
    move: (name, into, as) =>
      act(name, async (address) => {
        await unmoved();
        await rename(address, into.address(as));
      }),
    remove: (name) => act(name, (address) => unless(["ENOENT"], () => unlink(address)).then(() => {})),
    makeFolder: (name) => act(name, (address) => makeOne(address, PRIVATE_FOLDER)),
    removeFolder: (name) => act(name, (address) => unless(["ENOTEMPTY", "EEXIST"], () => removeOne(address))),
    readLink: (name) => act(name, (address) => readlink(address)),
    unlock: (name) => act(name, (address) => (anchored ? unlockHeld(address) : unlockNamed(address))),
    setTime: (name, atMs) => act(name, (address) => lutimes(address, atMs / 1_000, atMs / 1_000)),
    sync: () => withPath(base, path, () => syncFolder(fd)),
    close: async () => fs.closeSync(fd),
  };
}

interface Reading {
  readonly fd: number;
  readonly base: string;
  readonly path: string;
  act<Result>(name: string, work: (address: string) => Promise<Result>): Promise<Result>;
  unmoved(): Promise<void>;
}

function readingOf({
  fd,
  base,
  path,
  act,
  unmoved,
}: Reading): Pick<Folder, "list" | "entries" | "facts" | "read"> {
  const list = () =>
    withPath(base, path, async () => (await readdir(base, { withFileTypes: true })).map(entryOf));
  return {
    list,
    async *entries() {
      if (fs.fstatSync(fd).size < LARGE_FOLDER) return yield* await list();
      const folder = await withPath(base, path, () => opendir(base, { bufferSize: 256 }));
      // The iterator closes the folder, also when it is left early.
      for await (const entry of folder) yield entryOf(entry);
    },
    facts: (name) => act(name, factsAt),
    read: (name, limit) =>
      act(name, async (address) => {
        const found = await readFile(address, limit);
        await unmoved();
        return found;
      }),
  };
}

/**
 * The thing is held by a descriptor that needs no right to read it, and its mode is changed through that: changed
 * by name, it would be that of whatever the name leads to by then.
 */
async function unlockHeld(address: string): Promise<void> {
  const fd = await open(address, O_PATH | O_NOFOLLOW);
  try {
    if (fs.fstatSync(fd).isSymbolicLink()) throw linkInPlace(address);
    await chmod(`/proc/self/fd/${fd}`, PRIVATE_FOLDER);
  } finally {
    fs.closeSync(fd);
  }
}

/** `lchmod` is there where there is no /proc, on macOS. */
async function unlockNamed(address: string): Promise<void> {
  if ((await factsAt(address))?.kind === "symlink") throw linkInPlace(address);
  await (lchmod ?? chmod)(address, PRIVATE_FOLDER);
}

function linkInPlace(address: string): Error {
  return Object.assign(new Error(`ELOOP: a symlink is in its place, '${address}'`), { code: "ELOOP" });
}

/** A tree may be deeper than any path: what is only shown is kept short. */
function shortened(path: string): string {
  return path.length <= PATH_LENGTH
    ? path
    : `${path.slice(0, PATH_LENGTH / 4)}/…${path.slice(-PATH_LENGTH / 4)}`;
}

/** A name that could leave the folder is a broken caller: names from outside are checked long before. */
function segment(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw new Error(`Not a file name: ${JSON.stringify(name)}`);
  }
  return name;
}

async function readFile(address: string, limit: number): Promise<FileRead> {
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO would otherwise wait for a writer.
    fd = await open(address, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return { kind: "missing" };
    if (code === "ELOOP" || code === "EMLINK" || code === "ENXIO") return { kind: "not-a-file" };
    throw error;
  }
  try {
    const stats = await fstat(fd);
    if (!stats.isFile()) return { kind: "not-a-file" };
    if (stats.size > limit) return { kind: "too-large" };
    const content = await readAll(fd, stats.size, limit);
    return content === null ? { kind: "too-large" } : { kind: "file", content, facts: factsOf(stats) };
  } finally {
    await close(fd);
  }
}

/** To the end of the file, which may have moved since its size was asked. */
async function readAll(fd: number, expected: number, limit: number): Promise<Uint8Array | null> {
  let buffer = Buffer.allocUnsafe(expected + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await read(fd, buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
    if (length > limit) return null;
    // Only a file that grew fills the spare byte; a file of the expected size needs no second look.
    if (length === expected) return buffer.subarray(0, length);
    if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
  }
}

async function createFile(
  address: string,
  content: Uint8Array,
  { mode, sync }: { mode: number; sync: boolean },
): Promise<void> {
  const fd = await open(address, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    for (let done = 0; done < content.length; ) {
      const { bytesWritten } = await write(fd, content, done, content.length - done, null);
      done += bytesWritten;
    }
    if (sync) await fsync(fd);
  } finally {
    await close(fd);
  }
}

async function factsAt(address: string): Promise<Facts | null> {
  try {
    return factsOf(await lstat(address));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return null;
    throw error;
  }
}

function factsOf(stats: fs.Stats): Facts {
  return {
    kind: kindOf(stats),
    bytes: stats.size,
    allocatedBytes: stats.blocks * 512,
    identity: identityOf(stats),
    links: stats.nlink,
    mode: stats.mode & 0o777,
    changedMs: stats.mtimeMs,
  };
}

function identityOf({ dev, ino }: fs.Stats): string {
  return `${dev}:${ino}`;
}

function entryOf(entry: fs.Dirent): Entry {
  return { name: entry.name, kind: kindOf(entry) };
}

function kindOf(thing: fs.Stats | fs.Dirent): FileKind {
  if (thing.isFile()) return "file";
  if (thing.isDirectory()) return "folder";
  return thing.isSymbolicLink() ? "symlink" : "special";
}

async function unless(codes: readonly string[], work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? "")) return false;
    throw error;
  }
}

/** Errors name the path the person knows, not the descriptor it was reached by. */
async function withPath<Result>(address: string, path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || address === path) throw error;
    throw Object.assign(new Error(error.message.replaceAll(address, path)), { code: codeOf(error), path });
  }
}
