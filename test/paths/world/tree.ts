import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Every file below a folder with its content; null when the folder is not there. Empty folders end with a slash. */
export function treeOf(folder: string): Readonly<Record<string, string>> | null {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(folder, path);
        return entry.isDirectory() ? [`${name}/`, ""] : [name, readFileSync(path, "utf8")];
      })
      .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    return Object.fromEntries(files);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
