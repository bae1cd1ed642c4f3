import fs from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join, resolve } from "node:path";
import Database from "better-sqlite3";

/**
 * Preloaded into a process that is to die: names every change it is about to make, to files below a folder and to the
 * database, on descriptor 3, and kills it with SIGKILL right before the one it was told.
 *
 * KILL_BELOW: the folder. KILL_AT: `<how often before> <name>`; a name that begins with `half` dies with half of
 * the bytes written, or one of several files removed. Names are made of the place without ids and numbers.
 */
type Deed = (...args: never[]) => unknown;

const below = resolve(process.env.KILL_BELOW ?? "");
const [times = "0", ...words] = (process.env.KILL_AT ?? "").split(" ");
const wanted = words.join(" ");
let left = Number(times);

function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal may take a moment; nothing more may happen meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new Error("still alive");
}

/** Said before it is done. Answers whether only half of it shall be done. */
function reached(name: string): boolean {
  fs.writeSync(3, `${name}\n`);
  if (wanted !== name && wanted !== `half ${name}`) return false;
  left -= 1;
  if (left >= 0) return false;
  return wanted === name ? die() : true;
}

/** Null: not below the folder. */
function placeOf(path: unknown): string | null {
  const anchor = /^\/proc\/self\/fd\/(\d+)(.*)$/.exec(String(path));
  const real = anchor === null ? resolve(String(path)) : join(linked(anchor[1]), anchor[2] ?? "");
  if (real !== below && !real.startsWith(`${below}/`)) return null;
  return real
    .slice(below.length + 1)
    .replaceAll(/\.slowwave-[^/]+/g, "(temporary)")
    .replaceAll(/(rollout_summaries|staging|rejected|owners)\/[^/(]+/g, "$1/*")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, "*");
}

function linked(descriptor: unknown): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${String(descriptor)}`);
  } catch {
    return "/";
  }
}

/** A function in its place, its own properties kept: `promisify` needs them. */
function wrap(owner: object, name: string, around: (deed: Deed, args: unknown[], self: unknown) => unknown) {
  const deed = Reflect.get(owner, name) as Deed;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    return around(deed, args, this);
  };
  Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(deed));
  Reflect.set(owner, name, wrapped);
}

const call = (deed: Deed, args: readonly unknown[], self: unknown): unknown =>
  deed.apply(self, args as never[]);

for (const owner of [fs, promises]) {
  for (const name of ["rename", "renameSync", "unlink", "rmdir", "mkdir", "writeFile", "chmod"]) {
    if (!(name in owner)) continue;
    wrap(owner, name, (deed, args, self) => {
      const place = placeOf(args[0]);
      const to = name === "rename" ? placeOf(args[1]) : null;
      if (place !== null) reached(`${name} ${place}${to === null ? "" : ` to ${to}`}`);
      return call(deed, args, self);
    });
  }
}
wrap(fs, "open", (deed, args, self) => {
  const place = placeOf(args[0]);
  if (place !== null && (Number(args[1]) & fs.constants.O_CREAT) !== 0) reached(`create ${place}`);
  return call(deed, args, self);
});
wrap(fs, "fsync", (deed, args, self) => {
  const place = placeOf(`/proc/self/fd/${String(args[0])}`);
  if (place !== null) reached(`sync ${place}`);
  return call(deed, args, self);
});
wrap(fs, "write", (deed, args, self) => {
  const [descriptor, bytes, , length] = args as [number, Uint8Array, number, number];
  const place = placeOf(`/proc/self/fd/${descriptor}`);
  if (place === null || !reached(`write ${place}`)) return call(deed, args, self);
  fs.writeSync(descriptor, bytes.subarray(0, Math.floor(length / 2)));
  return die();
});
wrap(promises, "rm", (deed, args, self) => {
  const place = placeOf(args[0]);
  if (place === null || !reached(`remove ${place}`)) return call(deed, args, self);
  const folder = String(args[0]);
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  for (const entry of files.slice(0, Math.ceil(files.length / 2))) {
    fs.unlinkSync(join(entry.parentPath, entry.name));
  }
  return die();
});
syncBuiltinESMExports();

const database = Database.prototype as object;
const statement = Object.getPrototypeOf(new Database(":memory:").prepare("select 1")) as object;

/** The first words of what changes something; locks of owners are no data. */
function sqlName(sql: string): string | null {
  const plain = sql.trim().replaceAll(/\s+/g, " ");
  const found =
    /^(insert into \w+|update \w+|delete from \w+|commit|begin immediate|vacuum|wal_checkpoint)/i.exec(plain);
  return found === null ? null : `sql ${found[0]}`;
}

for (const name of ["run", "get", "all"]) {
  wrap(statement, name, (deed, args, self) => {
    const at = sqlName((self as { source: string }).source);
    if (at !== null) reached(at);
    return call(deed, args, self);
  });
}
for (const name of ["exec", "pragma"]) {
  wrap(database, name, (deed, args, self) => {
    const at = sqlName(String(args[0]));
    if (at !== null) reached(at);
    return call(deed, args, self);
  });
}
