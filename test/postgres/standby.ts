import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { type Cluster, configure, freePort, layCluster } from "./cluster.ts";
import { findServer, type Major } from "./servers.ts";

/** Settings of a primary server that a standby follows. */
export const PRIMARY = { wal_level: "replica", max_wal_senders: 4, wal_keep_size: "64MB" };

/** Whether a standby can be made: npm's servers come without `pg_basebackup`. Says so loudly where not. */
export function hasStandby(major: Major): boolean {
  const bin = findServer(major);
  const can = bin !== null && existsSync(join(bin, "pg_basebackup"));
  if (!can) console.error(`\nNOT RUN: no pg_basebackup for PostgreSQL ${major} here, so no standby.\n`);
  return can;
}

/** A streaming standby of the cluster, started; `promote` makes it the primary. */
export async function startStandby(primary: Cluster, name: string): Promise<Cluster & { promote(): void }> {
  const host = "127.0.0.1";
  const standby = await layCluster(dirname(primary.folder), name, { major: primary.major, host });
  const data = join(standby.folder, "data");
  const from = `host=${primary.folder} port=${primary.port} user=slowwave application_name=${name}`;
  command(standby, "pg_basebackup", ["-D", data, "-d", from, "-X", "stream", "-c", "fast", "-R"]);
  configure(
    standby.folder,
    standby.major,
    { port: standby.port, host },
    { ...PRIMARY, primary_conninfo: from, max_connections: 200, shared_buffers: "64MB" },
  );
  standby.start();
  return { ...standby, promote: () => command(standby, "pg_ctl", ["-D", data, "-w", "promote"]) };
}

function command(cluster: Cluster, name: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(join(cluster.bin, name), args, {
    ...cluster.account,
    cwd: "/",
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
}

/** One address that leads to whichever server is the primary, as DNS or a proxy does. */
export interface Address {
  readonly port: number;
  /** Cuts all connections; the next ones go there. Null: nowhere, they are refused. */
  lead(port: number | null): void;
  close(): void;
}

export async function openAddress(port: number): Promise<Address> {
  let target: number | null = port;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (target === null) return void client.destroy();
    const to = connect(target, "127.0.0.1");
    for (const socket of [client, to]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        client.destroy();
        to.destroy();
      });
    }
    client.pipe(to).pipe(client);
  });
  const own = await freePort("127.0.0.1");
  await new Promise<void>((done) => server.listen(own, "127.0.0.1", done));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: own,
    lead: (next) => {
      target = next;
      cut();
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
