import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** A line to a server's Unix socket on which what clients send can be kept back, as a network does that loses packets. */
export interface HeldLine {
  /** The same address, by this line. */
  readonly url: string;
  /** From now on nothing that clients send arrives; what the server says does. New connections hang. */
  hold(): void;
  /** New connections go through again. What was kept back on those before stays on its way. */
  mend(): void;
  /** What was kept back arrives, as if it had been sent again all the time, also where the client has hung up since. */
  deliver(): void;
  /** Ends the server's side of all connections; the clients are told nothing, and reach nobody. */
  loseServer(): void;
  close(): void;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly kept: Buffer[];
  isHeld: boolean;
}

export async function holdLine(url: string): Promise<HeldLine> {
  const address = new URL(url);
  const target = join(address.searchParams.get("host") ?? "", `.s.PGSQL.${address.port}`);
  const folder = mkdtempSync(join(tmpdir(), "slowwave-line-"));
  const connections = new Set<Connection>();
  let isHeld = false;
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const connection: Connection = { client, server: connect(target), kept: [], isHeld };
    const { server, kept } = connection;
    connections.add(connection);
    client.on("data", (bytes) => (connection.isHeld ? kept.push(bytes) : server.write(bytes)));
    client.on("end", () => connection.isHeld || server.end());
    server.on("data", (bytes) => client.writable && client.write(bytes));
    server.on("close", () => connection.isHeld || client.destroy());
    for (const socket of [client, server]) socket.on("error", () => {});
  });
  await new Promise<void>((done) => listener.listen(join(folder, basename(target)), done));
  address.searchParams.set("host", dirname(join(folder, basename(target))));
  return {
    url: address.href,
    hold: () => {
      isHeld = true;
      for (const connection of connections) connection.isHeld = true;
    },
    mend: () => {
      isHeld = false;
    },
    deliver: () => {
      for (const connection of connections) {
        if (!connection.isHeld) continue;
        connection.isHeld = false;
        for (const bytes of connection.kept.splice(0)) connection.server.write(bytes);
        connection.server.end();
      }
    },
    loseServer: () => {
      isHeld = true;
      for (const connection of connections) {
        connection.isHeld = true;
        connection.server.destroy();
      }
    },
    close: () => {
      listener.close();
      for (const { client, server } of connections) {
        client.destroy();
        server.destroy();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
