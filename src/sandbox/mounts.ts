import { realpath } from "node:fs/promises";
import { isAbsolute, relative } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";
import { nodeFiles } from "../files/node-files.ts";
import { walkTree } from "../files/tree.ts";
import type { Room } from "./sandbox.ts";

/** One word of bubblewrap with its two paths; the order of mounts counts. */
export interface Mount {
  readonly kind: "ro-bind" | "bind" | "symlink";
  readonly from: string;
  readonly to: string;
}

/** Programs, libraries, and what of `/etc` a program needs to run: none of the machine's secrets, nobody's home. */
const SYSTEM = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/run/current-system/sw"],
  ...["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path"].map(etc),
  ...["passwd", "group", "nsswitch.conf", "localtime", "timezone", "locale.alias", "mime.types"].map(etc),
  ...["protocols", "services", "terminfo", "os-release", "gitconfig"].map(etc),
];

/** To find hosts and to trust them. */
const NETWORK = [
  ...["hosts", "host.conf", "gai.conf", "resolv.conf", "ca-certificates", "ca-certificates.conf"].map(etc),
  ...["ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted"].map(etc),
];

/** In the order in which they are made: what is read first, then what is written, above it. */
export async function mountsOf(room: Room): Promise<readonly Mount[]> {
  const { workspace, home, proxySocket } = room;
  const shown: Mount[] = [];
  const isShown = (path: string) => shown.some(({ to }) => isWithin(path, to));
  const system = [...SYSTEM, ...(room.network === "open" ? NETWORK : [])];
  for (const { path, real } of [...(await foundOf(system)), ...(await foundOf(room.readable))]) {
    refuseCover(real, [workspace, home]);
    if (!isShown(real)) shown.push({ kind: "ro-bind", from: real, to: real });
    // Inside what is shown already its own link is seen, too.
    if (!isShown(path)) shown.push({ kind: "symlink", from: real, to: path });
  }
  const open = [workspace, home, ...(proxySocket === undefined ? [] : [proxySocket])];
  return [...shown, ...open.map((path): Mount => ({ kind: "bind", from: path, to: path }))];
}

interface Found {
  readonly path: string;
  readonly real: string;
}

/** Those that are there, a folder before what lies in it. */
async function foundOf(paths: readonly string[]): Promise<readonly Found[]> {
  const found = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      const real = await realpath(path).catch(() => null);
      return real === null ? [] : [{ path, real }];
    }),
  );
  return found.flat().sort((one, other) => (one.real < other.real ? -1 : 1));
}

/** What is readable must not lay open what lies around the workspace: other runs, the store. */
function refuseCover(path: string, hidden: readonly string[]): void {
  if (!hidden.some((place) => isWithin(place, path))) return;
  throw new SlowwaveError(
    "failed_sandbox_policy",
    `The state folder lies in ${path}, which the agent has to read. Choose another home (--home, SLOWWAVE_HOME).`,
  );
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !isAbsolute(way));
}

function etc(name: string): string {
  return `/etc/${name}`;
}

/**
 * A file with a second name may have that name outside: to write here would be to write there, and no sandbox sees
 * a difference. Staging is prepared anew for each run and has none.
 */
export async function refuseHardLinks(workspace: string): Promise<void> {
  const folder = await nodeFiles().open(`${workspace}/.`);
  try {
    for await (const visit of walkTree(folder)) {
      if (visit.entry.kind !== "file") continue;
      const facts = await visit.folder.facts(visit.entry.name);
      if (facts === null || facts.links === 1) continue;
      const path = JSON.stringify(`${visit.folder.path}/${visit.entry.name}`);
      throw new SlowwaveError(
        "failed_sandbox_policy",
        `The workspace holds a file that has another name elsewhere (${path}). Run \`slowwave doctor\`, then run again.`,
      );
    }
  } finally {
    await folder.close();
  }
}
