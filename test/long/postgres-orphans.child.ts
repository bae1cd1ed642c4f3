import { openClusterFolder, startCluster } from "../postgres/cluster.ts";
import { hasPgbouncer, startPgbouncer } from "../postgres/pgbouncer.ts";
import { majorsHere } from "../postgres/servers.ts";

/** Starts servers and waits to be killed. */
const folder = openClusterFolder();
const [major] = majorsHere();
if (major === undefined) throw new Error("There is no PostgreSQL here.");
const cluster = await startCluster(folder.path, "orphan", { major });
if (hasPgbouncer()) await startPgbouncer(cluster);
process.send?.(folder.path);
setInterval(() => {}, 1000);
