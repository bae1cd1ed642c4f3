/** A server of its own over a database file: `node serve.child.ts FILE PORT TOKEN`. Says its port when it listens. */
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { createApp, listen } from "../../src/server/index.ts";

const [path = "", port = "0", token = ""] = process.argv.slice(2);
const app = createApp({ store: await openSqliteStore({ path }), token });
const listening = await listen({ app, port: Number(port) });
process.stdout.write(`${listening.port}\n`);
