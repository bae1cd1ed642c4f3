import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Account, findServer, type Major, runnable, serverAccount } from "./servers.ts";

export interface ClusterOptions {
  readonly major: Major;
  /** Waits for the disk at each commit, as in earnest; false for what is about answers alone. */
  readonly durable?: boolean;
  /** Also listens here, on a free port: for what must be cut off by the network. A Unix socket alone otherwise. */
  readonly host?: string;
  /** Keeps the write-ahead log beside the data folder instead of in it. */
  readonly apartLog?: boolean;
  /** More lines of `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** A PostgreSQL server of the tests' own. Its only role is `slowwave`, a superuser; nobody is asked for a password. */
export interface Cluster {
  readonly major: Major;
  /** With the data (`data`), the log (`log`) and the Unix socket in it. */
  readonly folder: string;
  readonly port: number;
  /** The folder of PostgreSQL's own commands. */
  readonly bin: string;
  readonly account: Account;
  /** By the Unix socket. */
  url(database?: string): string;
  /** By the network; only with `host`. */
  networkUrl(database?: string): string;
  start(): void;
  /** `immediate` is a crash: no checkpoint, all sessions cut. */
  stop(how?: "fast" | "immediate"): void;
  /** What its log says. */
  log(): string;
}

/** Everything that is made in one folder ends with the process that owns it, however that one ends. */
export interface ClusterFolder {
  readonly path: string;
  /** Ends all servers in it and removes it. */
  close(): void;
}

/**
 * A folder for clusters. A shell script watches the owner and does what `close` does when the owner is gone: after
 * Ctrl-C or kill -9 no server and no data is left.
 */
export function openClusterFolder(owner = process.pid): ClusterFolder {
  const path = makeClusterFolder();
  guardClusters(path, owner);
  return { path, close: () => closeClusters(path) };
}

/** A folder that nobody ends yet. The path of a Unix socket in it may have 107 bytes only. */
export function makeClusterFolder(): string {
  return mkdtempSync(join(tmpdir().length < 40 ? tmpdir() : "/tmp", "slowwave-pg-"));
}

const GUARD = `
trap '' INT TERM HUP
while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 1; done
for pid in "$2"/*/data/postmaster.pid; do [ -f "$pid" ] && kill -QUIT "$(head -n 1 "$pid")"; done
for pid in "$2"/*/pgbouncer.pid; do [ -f "$pid" ] && kill -TERM "$(head -n 1 "$pid")"; done
for disk in "$2"/*/data; do umount -l "$disk" 2>/dev/null; done
for try in 1 2 3 4 5; do rm -rf "$2" 2>/dev/null && break; sleep 1; done
`;

/** See {@link openClusterFolder}. */
export function guardClusters(folder: string, owner: number): ChildProcess {
  const guard = spawn("sh", ["-c", GUARD, "guard", String(owner), folder], {
    detached: true,
    stdio: "ignore",
  });
  guard.unref();
  return guard;
}

/** Ends what runs in the folder, at once, and removes it. */
export function closeClusters(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    endByFile(join(folder, name, "pgbouncer.pid"), "SIGTERM");
    endByFile(join(folder, name, "data", "postmaster.pid"), "SIGQUIT");
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
}

function endByFile(file: string, signal: NodeJS.Signals): void {
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  try {
    process.kill(pid, signal);
    while (process.kill(pid, 0)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  } catch {
    // It is gone.
  }
}

/** A new cluster, started. Ended with its folder. */
export async function startCluster(parent: string, name: string, options: ClusterOptions): Promise<Cluster> {
  const cluster = await layCluster(parent, name, options);
  const { major, folder, bin, account } = cluster;
  const locale =
    // Keys must be ordered by bytes whatever the database's own order is: these know upper and lower case.
    ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];
  const apart = options.apartLog ? [`--waldir=${join(folder, "wal")}`] : [];
  run(bin, account, "initdb", [
    "-D",
    join(folder, "data"),
    "-U",
    "slowwave",
    "-A",
    "trust",
    "-N",
    ...locale,
    ...apart,
  ]);
  configure(folder, major, { port: cluster.port, host: options.host }, settingsOf(options));
  cluster.start();
  return cluster;
}

/** The same without a data folder: for a copy of another cluster. */
export async function layCluster(parent: string, name: string, options: ClusterOptions): Promise<Cluster> {
  const { major, host } = options;
  const found = findServer(major);
  if (!found) throw new Error(`There is no PostgreSQL ${major} here: ask majorsHere() first.`);
  const account = serverAccount();
  const folder = join(parent, name);
  for (const made of [parent, folder]) {
    mkdirSync(made, { recursive: true });
    if (account.uid !== undefined && account.gid !== undefined) chownSync(made, account.uid, account.gid);
  }
  const bin = runnable(found, account, join(parent, `native-${major}`));
  return clusterIn(folder, bin, account, major, host ? await freePort(host) : 5432, host);
}

/** The cluster whose data lie in a folder: another process of the same test run uses it by this. */
export function clusterIn(
  folder: string,
  bin: string,
  account: Account,
  major: Major,
  port: number,
  host?: string,
): Cluster {
  const control = (...args: readonly string[]) =>
    run(bin, account, "pg_ctl", ["-D", join(folder, "data"), "-w", "-t", "60", ...args]);
  return {
    major,
    folder,
    port,
    bin,
    account,
    url: (database = "postgres") =>
      `postgres://slowwave@localhost:${port}/${database}?host=${encodeURIComponent(folder)}`,
    networkUrl: (database = "postgres") => {
      if (!host) throw new Error("This cluster has a Unix socket only: start it with `host`.");
      return `postgres://slowwave@${host}:${port}/${database}`;
    },
    start: () => control("-l", join(folder, "log"), "start"),
    stop: (how = "fast") => control("-m", how, "stop"),
    log: () => readFileSync(join(folder, "log"), "utf8"),
  };
}

type Settings = Readonly<Record<string, string | number>>;

function settingsOf({ durable = false, settings = {} }: ClusterOptions): Settings {
  const careless = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
  return {
    max_connections: 200,
    shared_buffers: "64MB",
    ...(durable ? { fsync: "on" } : careless),
    ...settings,
  };
}

/** Writes `postgresql.conf` and lets every host in without a password. */
export function configure(
  folder: string,
  major: Major,
  { port, host }: { readonly port: number; readonly host: string | undefined },
  settings: Settings,
): void {
  const all = {
    port,
    listen_addresses: host ?? "",
    unix_socket_directories: folder,
    // Workers for reading ahead, new in 18, are processes that a small test server has no use for.
    ...(major >= 18 ? { io_method: "sync" } : {}),
    ...settings,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'\n`);
  writeFileSync(join(folder, "data", "postgresql.auto.conf"), lines.join(""));
  const anyone = ["local all all trust", "host all all all trust", "host replication all all trust"];
  writeFileSync(join(folder, "data", "pg_hba.conf"), `${anyone.join("\n")}\nlocal replication all trust\n`);
}

function run(bin: string, account: Account, command: string, args: readonly string[]): void {
  // A server that inherited our pipes would hold them open: its output goes to its log alone.
  const { status, stderr } = spawnSync(join(bin, command), args, {
    ...account,
    cwd: "/",
    encoding: "utf8",
    stdio: ["ignore", "ignore", command === "initdb" ? "pipe" : "ignore"],
    env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8", TZ: "UTC" },
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr ?? ""}`);
}

/** A port that nobody listens on now. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, host, done));
  const { port } = server.address() as { readonly port: number };
  await new Promise((done) => server.close(done));
  return port;
}
