import type { Context, Hono } from "hono";
import type { z } from "zod";
import { bodyOf, fieldsOf, type ServerEnv } from "./request.ts";

/** What a handler is given: everything in it has passed the route's schemas. */
export interface RouteRequest<Query, Body> {
  /** Path parameters by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly context: Context<ServerEnv>;
}

/**
 * One route of the API as data. The same schemas check its requests and describe it in `GET /api/openapi.json`, so the
 * description can't be older than the route.
 */
export interface Route<Query extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  readonly method: "get" | "post";
  /** Below `/api`, as Hono reads it: `/runs/:id`, `/spaces/:space/memory/:file{.+}`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Body;
  /** What is answered; a stream names its media type. */
  readonly answer: z.ZodType | { readonly mediaType: string };
  readonly status?: 200 | 201;
  /** An object becomes JSON; a `Response` is sent as it is. */
  readonly handle: (request: RouteRequest<z.output<Query>, z.output<Body>>) => Promise<object>;
}

/** Ties the handler's types to the route's schemas; a list of routes has forgotten them. */
export function route<Query extends z.ZodType, Body extends z.ZodType>(one: Route<Query, Body>): Route {
  return one as unknown as Route;
}

/** Adds every route to the app. Requests that a schema refuses end in `invalid_request`, which names the field. */
export function addRoutes(app: Hono<ServerEnv>, routes: readonly Route[]): void {
  for (const { method, path, query, body, status = 200, handle } of routes) {
    app[method](path, async (context) => {
      const sent = method === "post" ? await bodyOf(context.req.raw) : null;
      const answer = await handle({
        params: context.req.param() as Record<string, string>,
        query: query === undefined ? {} : fieldsOf(query, context.req.query()),
        body: body === undefined ? null : fieldsOf(body, sent ?? {}),
        context,
      });
      return answer instanceof Response ? answer : context.json(answer, status);
    });
  }
}
