import type { ServerResponse } from "node:http";
import type { Dialect } from "./model-server.ts";

interface Request {
  readonly messages?: readonly { readonly content?: string | readonly Block[] }[];
  readonly tools?: readonly unknown[];
}

interface Block {
  readonly type?: string;
  readonly tool_use_id?: string;
  readonly content?: unknown;
}

/** As much of the Messages API as Claude Code needs. */
export const messagesDialect: Dialect = {
  path: "/messages",
  outputs: (body) =>
    ((body as Request).messages ?? [])
      .flatMap(({ content }) => (typeof content === "object" ? content : []))
      .flatMap(({ type, tool_use_id, content }) =>
        type === "tool_result" && tool_use_id !== undefined
          ? [[tool_use_id, JSON.stringify(content)] as const]
          : [],
      ),
  // It asks for a title, without tools.
  aside: (body) => ((body as Request).tools?.length ? null : { say: "A title" }),
  answer(response, step, number) {
    if ("say" in step) {
      const text = { type: "text_delta", text: step.say };
      return message(response, number, "end_turn", { type: "text", text: "" }, text);
    }
    const { name, input } =
      "shell" in step
        ? { name: "Bash", input: { command: step.shell, description: "scripted" } }
        : { name: step.tool, input: step.input };
    const call = { type: "tool_use", id: `toolu_${number}`, name, input: {} };
    const json = { type: "input_json_delta", partial_json: JSON.stringify(input) };
    message(response, number, "tool_use", call, json);
  },
};

function message(
  response: ServerResponse,
  number: number,
  stop_reason: string,
  content_block: object,
  delta: object,
): void {
  const usage = { input_tokens: 100, output_tokens: 1 };
  const head = { id: `msg_${number}`, type: "message", role: "assistant", model: "scripted-model" };
  const tell = (type: string, rest: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
  response.writeHead(200, { "content-type": "text/event-stream" });
  tell("message_start", { message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage } });
  tell("content_block_start", { index: 0, content_block });
  tell("content_block_delta", { index: 0, delta });
  tell("content_block_stop", { index: 0 });
  tell("message_delta", { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 10 } });
  tell("message_stop", {});
  response.end();
}
