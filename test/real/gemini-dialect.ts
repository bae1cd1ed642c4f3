import type { Dialect } from "./model-server.ts";

interface Request {
  readonly contents?: readonly {
    readonly parts?: readonly { readonly functionResponse?: { readonly response?: unknown } }[];
  }[];
  readonly tools?: readonly unknown[];
}

/** As much of the Gemini API as Gemini CLI needs. */
export const geminiDialect: Dialect = {
  path: ":streamGenerateContent",
  outputs: (body) =>
    ((body as Request).contents ?? [])
      .flatMap(({ parts }) => parts ?? [])
      .flatMap(({ functionResponse }) => (functionResponse === undefined ? [] : [functionResponse]))
      .map(({ response }, at) => [String(at), JSON.stringify(response)] as const),
  aside: (body) => ((body as Request).tools?.length ? null : { say: "{}" }),
  answer(response, step, number) {
    const call = (name: string, args: object) => ({ functionCall: { id: `call-${number}`, name, args } });
    const part =
      "say" in step
        ? { text: step.say }
        : "shell" in step
          ? call("run_shell_command", { command: step.shell, description: "scripted" })
          : call(step.tool, step.input);
    const usageMetadata = { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 };
    const candidates = [{ index: 0, content: { role: "model", parts: [part] }, finishReason: "STOP" }];
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`data: ${JSON.stringify({ candidates, usageMetadata })}\n\n`);
  },
};
