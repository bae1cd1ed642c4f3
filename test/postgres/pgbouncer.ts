import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import type { Cluster } from "./cluster.ts";

export interface Pooler {
  /** By its Unix socket. */
  url(database?: string): string;
  close(): void;
}

let found: boolean | undefined;

/** Whether there is a pgbouncer; says so loudly where there is none. */
export function hasPgbouncer(): boolean {
  if (found === undefined) {
    found = spawnSync("pgbouncer", ["--version"], { env: searchPath() }).status === 0;
    if (!found) console.error("\nNOT RUN: there is no pgbouncer here, so nothing is tested through it.\n");
  }
  return found;
}

/** Debian has it where only root looks. */
function searchPath(): NodeJS.ProcessEnv {
  return { PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };
}

/**
 * A pgbouncer in front of a cluster, in transaction mode: each transaction may come to another session. As strict as
 * it is installed: a start-up parameter that it does not know is refused.
 */
export async function startPgbouncer(
  cluster: Cluster,
  { name = "pgbouncer", poolSize = 10 }: { readonly name?: string; readonly poolSize?: number } = {},
): Promise<Pooler> {
  const folder = join(dirname(cluster.folder), name);
  mkdirSync(folder, { recursive: true });
  const { uid, gid } = cluster.account;
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  writeFileSync(join(folder, "users"), '"slowwave" ""\n');
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    `[databases]
* = host=${cluster.folder} port=${cluster.port} user=slowwave
[pgbouncer]
unix_socket_dir = ${folder}
listen_port = 6432
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 2000
auth_type = trust
auth_file = ${join(folder, "users")}
logfile = ${join(folder, "log")}
pidfile = ${join(folder, "pgbouncer.pid")}
`,
  );
  const child = spawn("pgbouncer", ["-q", join(folder, "pgbouncer.ini")], {
    ...cluster.account,
    env: searchPath(),
    cwd: "/",
    detached: true,
    stdio: "ignore",
  });
  child.unref();
  await answering(join(folder, ".s.PGSQL.6432"), () =>
    existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "no log",
  );
  return {
    url: (database = "postgres") =>
      `postgres://slowwave@localhost:6432/${database}?host=${encodeURIComponent(folder)}`,
    close: () => void child.kill("SIGTERM"),
  };
}

async function answering(socket: string, log: () => string): Promise<void> {
  for (
    const start = Date.now();
    Date.now() - start < 20_000;
    await new Promise((done) => setTimeout(done, 20))
  ) {
    const open = await new Promise<boolean>((done) => {
      const client = connect(socket, () => done(true)).on("error", () => done(false));
      client.on("connect", () => client.destroy());
    });
    if (open) return;
  }
  throw new Error(`pgbouncer does not answer: ${log()}`);
}
