import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { codeOf, SlowwaveError } from "../domain/failure.ts";

export interface HealthOptions {
  /** A loopback name, unless the person wants others to ask. */
  readonly host: string;
  readonly port: number;
  /** What is answered; nothing in it may be a secret. */
  readonly status: () => { readonly state: string };
  readonly isHealthy: () => boolean;
}

/**
 * Answers how a process is, to whoever may reach the address: 200 while it is well, else 503, with the status as JSON. Only
 * reads; everything but GET and HEAD is refused. Rejects with `port_taken`.
 */
export function serveHealth({
  host,
  port,
  status,
  isHealthy,
}: HealthOptions): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    const code = isRead ? (isHealthy() ? 200 : 503) : 405;
    response.writeHead(code, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      connection: "close",
      ...(isRead ? {} : { allow: "GET, HEAD" }),
    });
    response.end(request.method === "GET" ? `${JSON.stringify(status())}\n` : undefined);
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.maxConnections = 100;
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const isTaken = codeOf(error) === "EADDRINUSE";
      reject(isTaken ? new SlowwaveError("port_taken", `Port ${port} is in use; choose another.`) : error);
    });
    server.listen(port, host, () => {
      const close = () =>
        new Promise<void>((done) => {
          server.close(() => done());
          server.closeAllConnections();
        });
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}
