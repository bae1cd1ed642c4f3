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
  const missing = firstMissing(file);
  if (missing !== null)
    return { wrong: `This exported run is not whole (${missing} is missing); export it again.` };
  return file as ExportedRun;
}

type Kind = "string" | "number" | "object" | "array";

/** What the page reads without asking whether it is there. */
const NEEDED: readonly (readonly [string, Kind])[] = [
  ["exportedAtMs", "number"],
  ["detail.run.id", "string"],
  ["detail.run.space", "string"],
  ["detail.run.state", "string"],
  ["detail.run.value", "string"],
  ["detail.run.line", "string"],
  ["detail.run.createdAtMs", "number"],
  ["detail.owner.id", "string"],
  ["detail.machine.hash", "string"],
  ["detail.can.cancel", "object"],
  ["detail.can.retry", "object"],
  ["detail.budget", "array"],
  ["detail.events", "array"],
  ["snapshots", "array"],
];

const OF_EVENT: readonly (readonly [string, Kind])[] = [
  ["id", "number"],
  ["run", "string"],
  ["atMs", "number"],
  ["type", "string"],
];

function firstMissing(file: Partial<ExportedRun>): string | null {
  for (const [path, kind] of NEEDED) if (!has(file, path, kind)) return path;
  for (const [at, event] of (file.detail?.events ?? []).entries()) {
    for (const [path, kind] of OF_EVENT) if (!has(event, path, kind)) return `detail.events.${at}.${path}`;
  }
  return (file.snapshots ?? []).every((each) => has(each, "sequence", "number"))
    ? null
    : "snapshots.sequence";
}

function has(value: unknown, path: string, kind: Kind): boolean {
  const found = path
    .split(".")
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], value);
  if (kind === "array") return Array.isArray(found);
  return typeof found === kind && found !== null;
}
