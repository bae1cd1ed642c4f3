import type { Dialect } from "./model-server.ts";

interface Request {
  readonly input?: readonly {
    readonly type?: string;
    readonly call_id?: string;
    readonly output?: unknown;
  }[];
  readonly text?: { readonly format?: { readonly type?: string } };
}

/** As much of the Responses API as Codex needs. */
export const responsesDialect: Dialect = {
  path: "/responses",
  outputs: (body) =>
    ((body as Request).input ?? []).flatMap(({ type, call_id, output }) =>
      type?.endsWith("_call_output") && call_id !== undefined
        ? [[call_id, typeof output === "string" ? output : JSON.stringify(output)] as const]
        : [],
    ),
  // A thread of its own asks for a title, with the same tools.
  aside: (body) =>
    (body as Request).text?.format?.type === "json_schema" ? { say: '{"title":"A title"}' } : null,
  answer(response, step, number) {
    const call = (name: string, input: object) => ({
      type: "function_call",
      call_id: `call-${number}`,
      name,
      arguments: JSON.stringify(input),
    });
    const item =
      "say" in step
        ? {
            type: "message",
            id: `m${number}`,
            role: "assistant",
            content: [{ type: "output_text", text: step.say }],
          }
        : "shell" in step
          ? call("exec_command", { cmd: step.shell, yield_time_ms: step.yieldMs ?? 20_000 })
          : call(step.tool, step.input);
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
  },
};
