import type { ClientConnection, RequestError } from "@agentclientprotocol/sdk";
import { plainText } from "../../text/sanitize.ts";
import {
  type Conversation,
  type ConverseOptions,
  converse,
  type Line,
  type Listener,
} from "../conversation.ts";
import { type PermissionRequest, permissionRequest } from "./messages.ts";
import type { PermissionOutcome } from "./permission.ts";
import { createTransport } from "./transport.ts";

export interface AcpConnectOptions extends Omit<ConverseOptions<AcpListener>, "listener"> {
  onUpdate(params: unknown): void;
  onPermission(request: PermissionRequest): Promise<PermissionOutcome>;
}

/** A running ACP agent. */
export interface AcpConnection
  extends Pick<Conversation, "gone" | "close" | "kill" | "freeze" | "thaw" | "lastOutputMs"> {
  /** Rejects with a sentence: a refusal, no answer in time (null = it may take as long as it likes), its end. */
  ask(method: string, params: unknown, patienceMs: number | null): Promise<unknown>;
  tell(method: string, params: unknown): void;
}

interface AcpListener extends Listener {
  readonly connection: ClientConnection;
}

type Sdk = typeof import("@agentclientprotocol/sdk");

export async function connectAcp(options: AcpConnectOptions): Promise<AcpConnection> {
  // 0.1 s to load, which no other command should pay.
  const sdk = await import("@agentclientprotocol/sdk");
  const agent = await converse({ ...options, listener: (line) => listenerOf(sdk, line, options) });
  const { connection } = agent.listener;
  const { title, clock } = options;
  return {
    ask(method, params, patienceMs) {
      return new Promise((resolve, reject) => {
        const tooLate = () =>
          reject(new Error(`${title} did not answer "${method}" within ${(patienceMs ?? 0) / 1000} s`));
        const timer = patienceMs === null ? null : clock.setTimeout(tooLate, patienceMs);
        connection.agent
          .request(method, params)
          .then(resolve, (error: unknown) => reject(refusal(sdk, title, method, error)))
          .finally(() => timer !== null && clock.clearTimeout(timer));
      });
    },
    tell(method, params) {
      connection.agent.notify(method, params).catch(() => {});
    },
    gone: agent.gone,
    close: agent.close,
    kill: agent.kill,
    freeze: agent.freeze,
    thaw: agent.thaw,
    lastOutputMs: agent.lastOutputMs,
  };
}

function listenerOf(sdk: Sdk, line: Line, { onUpdate, onPermission }: AcpConnectOptions): AcpListener {
  const { update, requestPermission } = sdk.methods.client.session;
  const transport = createTransport({
    line,
    onNotice: (method, params) => method === update && onUpdate(params),
  });
  // What else it asks for, files and terminals above all, the SDK refuses.
  const connection = sdk
    .client({ name: "slowwave" })
    .onRequest(requestPermission, permissionRequest, async ({ params }) => ({
      outcome: await onPermission(params),
    }))
    .connect(transport.stream);
  return {
    connection,
    hear: transport.hear,
    hangUp(why) {
      transport.close();
      connection.close(why);
    },
  };
}

function refusal({ RequestError }: Sdk, title: string, method: string, error: unknown): Error {
  if (!(error instanceof RequestError)) return error instanceof Error ? error : new Error(String(error));
  return new Error(`${title} refused "${method}": ${plainText(error.message, 400)}${kindOf(error)}`, {
    cause: error,
  });
}

/** Agents put the kind of a failure beside their message, each under a name of its own. */
function kindOf({ code, data }: RequestError): string {
  const { errorName, errorKind, details, message } = (
    typeof data === "object" && data !== null ? data : {}
  ) as Record<string, unknown>;
  const said = [errorName, errorKind, details, message].filter((word) => typeof word === "string");
  return said.length === 0 ? ` (${code})` : ` (${plainText(said.join(", "), 300)})`;
}
