import { type Databases, onSqlite } from "./databases.ts";
import { type Beginning, template } from "./template.ts";

/** The prepared homes that a test file's worlds are copied from; removed with `remove`. */
export async function templates(
  databases: Databases = onSqlite,
): Promise<{ homeOf(beginning: Beginning): string; remove(): void }> {
  const made = new Map<Beginning, Awaited<ReturnType<typeof template>>>();
  for (const beginning of ["changed", "unchanged", "first"] as const)
    made.set(beginning, await template(beginning, databases));
  return {
    homeOf: (beginning) => made.get(beginning)?.home ?? "",
    remove: () => {
      for (const { remove } of made.values()) remove();
    },
  };
}
