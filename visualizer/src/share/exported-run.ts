import type { ExportedRun } from "../../../src/server/api.ts";

/** Reads an exported run that somebody sent: a sentence for the person where it is none. */
export function readExportedRun(text: string): ExportedRun | { readonly wrong: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { wrong: "This file is not JSON; export a run from its page or with the API and open that file." };
  }
  const file = value as Partial<ExportedRun> | null;
  if (file?.format !== "slowwave-run") return { wrong: "This file is JSON, but not an exported run." };
  if (file.version !== 1) {
    return { wrong: `This run was exported in format ${String(file.version)}; this page reads format 1.` };
  }
  const { detail } = file;
  if (
    typeof detail?.run?.id !== "string" ||
    !Array.isArray(detail.events) ||
    !Array.isArray(file.snapshots)
  ) {
    return { wrong: "This exported run is not whole; export it again." };
  }
  return file as ExportedRun;
}
