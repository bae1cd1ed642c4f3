import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the scripted model answers to its next request. */
export type Step =
  | { readonly say: string }
  /** The command, and when it is left to itself if it still runs. */
  | { readonly shell: string; readonly yieldMs?: number }
  | { readonly status: number }
  /** Never answers. */
  | "hang";

export interface ModelServer {
  readonly port: number;
  /** Takes these steps from now on; the last one is repeated. */
  play(...steps: readonly Step[]): void;
  /** What the commands printed, as the model was told, in order. */
  outputs(): readonly string[];
  /** Settles when a request is open that is never answered. */
  readonly hanging: () => Promise<void>;
  close(): Promise<void>;
}

interface Request {
  readonly input?: readonly {
    readonly type?: string;
    readonly call_id?: string;
    readonly output?: unknown;
  }[];
}

/** A model on loopback that speaks as much of the Responses API as Codex needs, from a script. */
export async function startModelServer(): Promise<ModelServer> {
  let steps: readonly Step[] = [{ say: "done" }];
  let taken = 0;
  const printed = new Map<string, string>();
  let tellHanging = () => {};
  let hanging = new Promise<void>((resolve) => {
    tellHanging = resolve;
  });

  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    if (request.method !== "POST" || !request.url?.endsWith("/responses")) return void response.end("{}");
    for (const { type, call_id, output } of (JSON.parse(body) as Request).input ?? []) {
      if (type?.endsWith("_call_output") && call_id !== undefined)
        printed.set(call_id, typeof output === "string" ? output : JSON.stringify(output));
    }
    const step = steps[Math.min(taken, steps.length - 1)] ?? "hang";
    taken += 1;
    if (step === "hang") tellHanging();
    else answer(response, step, taken);
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
    hanging: () => hanging,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(response: ServerResponse, step: Exclude<Step, "hang">, number: number): void {
  if ("status" in step) {
    response.writeHead(step.status, { "content-type": "application/json" });
    return void response.end(JSON.stringify({ error: { message: `scripted ${step.status}` } }));
  }
  const item =
    "say" in step
      ? {
          type: "message",
          id: `m${number}`,
          role: "assistant",
          content: [{ type: "output_text", text: step.say }],
        }
      : {
          type: "function_call",
          call_id: `call-${number}`,
          name: "exec_command",
          arguments: JSON.stringify({ cmd: step.shell, yield_time_ms: step.yieldMs ?? 20_000 }),
        };
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 10,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 110,
  };
  response.writeHead(200, { "content-type": "text/event-stream" });
  const tell = (type: string, rest: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
  tell("response.created", { response: { id: `r${number}` } });
  tell("response.output_item.done", { output_index: 0, item });
  tell("response.completed", { response: { id: `r${number}`, usage } });
  response.end();
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
