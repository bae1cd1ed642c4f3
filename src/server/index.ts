/**
 * The page and the HTTP API over a store, and an engine if there is one: `createApp` gives a fetch handler to
 * mount under a path of the host's own server (`nodeListener` for one of node:http); `listen` serves it on 127.0.0.1.
 */
export type * from "./api.ts";
export {
  type App,
  type AppOptions,
  createApp,
  type Listening,
  type ListenOptions,
  listen,
  nodeListener,
} from "./app.ts";
