import type { Workbench } from "../memory-files/workbench.ts";
import { redact } from "../text/redact.ts";
import type { Quarantined } from "./quarantine.ts";

/** What was cut out of the agent's files, one JSON object a line; kept in `<home>/rejected/<run>` for the person. */
export const QUARANTINE = "quarantine.jsonl";

const MOST_LINES = 200;
const MOST_CHARACTERS = 2_000;
const MOST_BYTES = 1024 ** 2;

/** Added to what earlier turns left, up to a bound. Secrets in it are replaced. */
export async function keepQuarantined(
  { places, files }: Pick<Workbench, "places" | "files">,
  cuts: readonly Quarantined[],
): Promise<void> {
  if (cuts.length === 0) return;
  const lines: string[] = [];
  for (const { text, ...where } of cuts.slice(0, MOST_LINES)) {
    const { text: clear } = redact(text.slice(0, MOST_CHARACTERS));
    lines.push(`${JSON.stringify({ ...where, text: clear })}\n`);
  }
  const scratch = await files.open(places.scratch);
  try {
    const read = await scratch.read(QUARANTINE, MOST_BYTES);
    const before = read.kind === "file" ? [read.content] : [];
    const content = wholeLines(Buffer.concat([...before, Buffer.from(lines.join(""))]));
    await scratch.remove(`${QUARANTINE}.new`);
    await scratch.create(`${QUARANTINE}.new`, content);
    await scratch.rename(`${QUARANTINE}.new`, QUARANTINE);
  } finally {
    await scratch.close();
  }
}

/** Half an object can't be read, nor searched when a thread is to be forgotten. */
function wholeLines(content: Buffer): Uint8Array {
  if (content.length <= MOST_BYTES) return content;
  return content.subarray(0, content.lastIndexOf("\n", MOST_BYTES - 1) + 1);
}
