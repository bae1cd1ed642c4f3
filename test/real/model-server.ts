import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the scripted model answers to its next request. */
export type Step =
  | { readonly say: string }
  /** A command for its shell, and when it is left to itself if it still runs. */
  | { readonly shell: string; readonly yieldMs?: number }
  /** Any other of the tools it was offered. */
  | { readonly tool: string; readonly input: object }
  | { readonly status: number }
  /** Never answers. */
  | "hang";

export interface ModelServer {
  readonly port: number;
  /** Takes these steps from now on; the last one is repeated. */
  play(...steps: readonly Step[]): void;
  /** What the tools answered, as the model was told, in order. */
  outputs(): readonly string[];
  /** Its last request for the task, as it was sent. */
  lastRequest(): string;
  /** Settles when a request is open that is never answered. */
  readonly hanging: () => Promise<void>;
  close(): Promise<void>;
}

/** How a model is spoken to. */
export interface Dialect {
  /** The end of the path that asks the model. */
  readonly path: string;
  /** What the tools answered, by the ids of their calls. */
  outputs(body: unknown): readonly (readonly [call: string, output: string])[];
  /** What is answered to a request beside the task (a title, say); null for a request of the task. */
  aside(body: unknown): Step | null;
  answer(response: ServerResponse, step: Exclude<Step, "hang" | { status: number }>, number: number): void;
}

/** A model on loopback that answers from a script, in whichever of these dialects it is spoken to. */
export async function startModelServer(...dialects: readonly Dialect[]): Promise<ModelServer> {
  let steps: readonly Step[] = [{ say: "done" }];
  let taken = 0;
  let asked = "";
  const printed = new Map<string, string>();
  let tellHanging = () => {};
  let hanging = new Promise<void>((resolve) => {
    tellHanging = resolve;
  });

  const server = createServer(async (request, response) => {
    const text = await textOf(request);
    const path = request.url?.split("?")[0] ?? "";
    const dialect = dialects.find((known) => path.endsWith(known.path));
    if (request.method !== "POST" || dialect === undefined) return void response.end("{}");
    const body: unknown = JSON.parse(text);
    const aside = dialect.aside(body);
    if (aside === null) for (const [call, output] of dialect.outputs(body)) printed.set(call, output);
    const step = aside ?? steps[Math.min(taken, steps.length - 1)] ?? "hang";
    if (aside === null) taken += 1;
    if (aside === null) asked = text;
    if (step === "hang") tellHanging();
    else if ("status" in step) refuse(response, step.status);
    else dialect.answer(response, step, taken);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    port: (server.address() as AddressInfo).port,
    play(...next) {
      steps = next;
      taken = 0;
      printed.clear();
      hanging = new Promise((resolve) => {
        tellHanging = resolve;
      });
    },
    outputs: () => [...printed.values()],
    lastRequest: () => asked,
    hanging: () => hanging,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "application/json", "retry-after": "1" });
  response.end(JSON.stringify({ error: { message: `scripted ${status}` } }));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
