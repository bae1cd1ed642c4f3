import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { serverAccount } from "../postgres/servers.ts";

/** A small disk as this folder, of the account of the database; null where none can be mounted, and loudly so. */
export function mountSmallDisk(folder: string, megabytes: number): { unmount(): void } | null {
  mkdirSync(folder, { recursive: true });
  const { uid = 0, gid = 0 } = serverAccount();
  const size = `size=${megabytes}M,mode=0700,uid=${uid},gid=${gid}`;
  if (spawnSync("mount", ["-t", "tmpfs", "-o", size, "none", folder]).status !== 0) {
    console.error("\nNOT RUN: no file system can be mounted here, so no disk gets full.\n");
    return null;
  }
  return { unmount: () => void spawnSync("umount", ["-l", folder]) };
}
