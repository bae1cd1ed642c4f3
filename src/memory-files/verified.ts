import type { Manifest } from "../domain/generation.ts";
import type { Workbench } from "./workbench.ts";

/**
 * What the gate let through, kept beside the workspace where the agent can't reach it: publishing takes exactly
 * these bytes or none, also in another process after a crash.
 */
const NAME = "verified.json";
const LIMIT = 64 * 1024 ** 2;

type Bench = Pick<Workbench, "places" | "files">;

export async function keepVerified({ places, files }: Bench, manifest: Manifest): Promise<void> {
  const scratch = await files.open(places.scratch);
  try {
    const content = Buffer.from(JSON.stringify(manifest));
    await scratch.remove(`${NAME}.new`);
    await scratch.create(`${NAME}.new`, content, { sync: true });
    await scratch.rename(`${NAME}.new`, NAME);
  } finally {
    await scratch.close();
  }
}

/** Null when nothing has been verified since the workspace was laid. */
export async function readVerified({ places, files }: Bench): Promise<Manifest | null> {
  const scratch = await files.open(places.scratch);
  try {
    const read = await scratch.read(NAME, LIMIT);
    return read.kind === "file" ? (JSON.parse(Buffer.from(read.content).toString()) as Manifest) : null;
  } finally {
    await scratch.close();
  }
}

export async function forgetVerified({ places, files }: Bench): Promise<void> {
  const scratch = await files.open(places.scratch);
  try {
    await scratch.remove(NAME);
  } finally {
    await scratch.close();
  }
}
