import { z } from "zod";
import * as answers from "./answers.ts";
import type { Route } from "./request.ts";

/** `GET /api/openapi.json`: the routes as an OpenAPI 3.1 document, made from the schemas that check their requests. */
export function openApiDocument(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const one of routes) {
    const path = `/api${one.path.replace(/:(\w+)(?:\{[^}]*\})?/g, "{$1}")}`;
    paths[path] = { ...paths[path], [one.method]: operationOf(one) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Slowwave",
      version,
      description:
        "The HTTP API of `slowwave serve` on 127.0.0.1. Times are Unix milliseconds unless a name says otherwise. " +
        "Texts of memories and agents are untrusted. A write needs a same-origin `Origin` header.",
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The token that `slowwave serve` prints." },
      },
      schemas: { Error: schemaOf(answers.errorAnswer, "output") },
    },
  };
}

function operationOf({ path, summary, query, body, answer, status = 200 }: Route): object {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  return {
    summary,
    parameters: [...inPath, ...queryParameters(query)],
    ...(body === undefined
      ? {}
      : { requestBody: { content: { "application/json": { schema: schemaOf(body, "input") } } } }),
    responses: {
      [status]: { description: summary, content: contentOf(answer) },
      default: {
        description: "Refused or failed; `code` is stable, `message` says what to do.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

function contentOf(answer: Route["answer"]): object {
  return "mediaType" in answer
    ? { [answer.mediaType]: {} }
    : { "application/json": { schema: schemaOf(answer, "output") } };
}

function queryParameters(query: z.ZodType | undefined): readonly object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, "input") as {
    properties?: Record<string, object>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

/** Shapes that JSON Schema has no word for are described in words, and take anything. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...found } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return found;
}
