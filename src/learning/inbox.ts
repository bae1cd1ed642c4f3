import { z } from "zod";
import { codeOf } from "../domain/failure.ts";
import type { Files, Folder } from "../files/folder.ts";

const MOST_NOTES = 1_000;
const MOST_BYTES = 64 * 1024;

const noteSchema = z.object({
  agent: z.enum(["claude", "codex", "gemini", "opencode"]),
  session: z.string().regex(/^[A-Za-z0-9][\w-]{0,127}$/),
  event: z.string().max(100),
});

/** An agent says by it that a session is over: nobody has to wait until it is idle. */
const ENDS: ReadonlySet<string> = new Set(["SessionEnd", "session.idle"]);

/**
 * Takes what the agents' hooks have dropped into `<home>/inbox`: the keys of sessions that are over. Whoever can write there
 * could also write sessions: a note only says which to look at first, and everything else of it is let be. Notes that were
 * read are removed; a session that is not learned for whatever reason is found by the next look.
 */
export async function takeInbox(files: Pick<Files, "open">, home: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  let folder: Folder;
  try {
    folder = await files.open(`${home}/inbox`);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) return keys;
    throw error;
  }
  try {
    const names = (await folder.list()).map(({ name }) => name).filter((name) => name.endsWith(".json"));
    for (const name of names.sort().slice(0, MOST_NOTES)) {
      const read = await folder.read(name, MOST_BYTES);
      await folder.remove(name).catch(() => {});
      const note = read.kind === "file" ? parsed(read.content) : null;
      if (note === null || !ENDS.has(note.event)) continue;
      keys.add(note.agent === "codex" ? note.session : `${note.agent}-${note.session}`);
    }
  } finally {
    await folder.close();
  }
  return keys;
}

function parsed(content: Uint8Array): z.infer<typeof noteSchema> | null {
  try {
    return noteSchema.safeParse(JSON.parse(Buffer.from(content).toString("utf8"))).data ?? null;
  } catch {
    return null;
  }
}
