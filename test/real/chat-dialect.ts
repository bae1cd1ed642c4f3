import type { Dialect } from "./model-server.ts";

interface Request {
  readonly messages?: readonly {
    readonly role?: string;
    readonly tool_call_id?: string;
    readonly content?: unknown;
  }[];
  readonly tools?: readonly unknown[];
}

/** As much of Chat Completions as OpenCode needs. */
export const chatDialect: Dialect = {
  path: "/chat/completions",
  outputs: (body) =>
    ((body as Request).messages ?? []).flatMap(({ role, tool_call_id, content }) =>
      role === "tool" && tool_call_id !== undefined
        ? [[tool_call_id, typeof content === "string" ? content : JSON.stringify(content)] as const]
        : [],
    ),
  // It asks for a title, without tools.
  aside: (body) => ((body as Request).tools?.length ? null : { say: "A title" }),
  answer(response, step, number) {
    const call = (name: string, input: object) => ({
      tool_calls: [
        {
          index: 0,
          id: `call-${number}`,
          type: "function",
          function: { name, arguments: JSON.stringify(input) },
        },
      ],
    });
    const delta =
      "say" in step
        ? { content: step.say }
        : "shell" in step
          ? call("bash", { command: step.shell, description: "scripted" })
          : call(step.tool, step.input);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const tell = (rest: object) =>
      response.write(
        `data: ${JSON.stringify({ id: `c${number}`, object: "chat.completion.chunk", model: "scripted-model", ...rest })}\n\n`,
      );
    tell({ choices: [{ index: 0, delta: { role: "assistant", ...delta }, finish_reason: null }] });
    const finish_reason = "say" in step ? "stop" : "tool_calls";
    tell({ choices: [{ index: 0, delta: {}, finish_reason }] });
    tell({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 } });
    response.end("data: [DONE]\n\n");
  },
};
