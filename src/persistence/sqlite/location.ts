import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { SlowwaveError } from "../../domain/failure.ts";
import { type StoreCode, storeError } from "../errors.ts";

/** `statfs` types of file systems whose locks other hosts or caches may not honour (linux/magic.h). */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xfe534d42, // SMB2
  0xff534d42, // CIFS
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x6b414653, // AFS, the kernel's own
  0x73757245, // Coda
  0x65735546, // FUSE: sshfs and its like, and virtiofs, which a virtual machine shares with its host
  0x01021997, // 9p: a folder of the host in a virtual machine or in WSL
  0x786f4256, // vboxsf
  0xbacbacbc, // VMware's shared folders
]);

/**
 * Refuses a place where a database must not or cannot live, before SQLite touches it.
 * `typeOf` tells a folder's file system; given by tests.
 */
export async function checkLocation(path: string, typeOf = fileSystemType): Promise<void> {
  const folder = dirname(path);
  if (!(await isFolder(folder, path))) throw storeError("store_directory_missing", path);
  if (NETWORK_FILE_SYSTEMS.has(await typeOf(folder))) throw storeError("store_network_fs", path);
  // The log and its index are created beside the database.
  await demand(folder, constants.W_OK | constants.X_OK, "store_read_only", path);
  await demand(path, constants.R_OK | constants.W_OK, "store_read_only", path);
}

const OLDEST_NODE = [22, 14] as const;

/** Throws `node_too_old` on a Node whose process the driver would end with a segmentation fault. */
export function demandNode(version = process.versions.node): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SlowwaveError(
    "node_too_old",
    `slowwave/sqlite needs Node ${OLDEST_NODE.join(".")} or newer, and this is ${version}; install a newer Node and try again.`,
  );
}

async function isFolder(folder: string, path: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw storeError("store_unavailable", path, error);
  }
}

async function demand(target: string, mode: number, code: StoreCode, path: string): Promise<void> {
  try {
    await access(target, mode);
  } catch (error) {
    if (!isMissing(error)) throw storeError(code, path, error);
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

async function fileSystemType(folder: string): Promise<number> {
  // Signed on some platforms: the numbers above are unsigned.
  return process.platform === "linux" ? (await statfs(folder)).type >>> 0 : 0;
}
