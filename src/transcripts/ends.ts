import { lineCutter } from "../text/lines.ts";
import { READ_LIMITS, type SessionFile, type TranscriptFile } from "./reader.ts";
import { type Fields, newTally, recordIn, recordsOf } from "./records.ts";
import { chunksOf, type OpenFile, openBelow } from "./source-file.ts";

/** What the lines of a file tell of its session; filled line by line. */
export type Facts = {
  -readonly [Key in keyof Omit<SessionFile, keyof TranscriptFile>]: SessionFile[Key];
} & {
  kind: TranscriptFile["kind"];
  isKnown: boolean /** The agent's own id of it. */;
  session: string | null;
};

export function noFacts(file: TranscriptFile): Facts {
  return {
    cwd: null,
    branch: null,
    version: null,
    firstAt: null,
    saidAt: null,
    headless: null,
    parent: null,
    kind: file.kind,
    isKnown: false,
    session: null,
  };
}

/** The first and the last time are kept, in whatever order the lines come. */
export function sawTime(facts: Facts, at: number | null): void {
  if (at === null) return;
  if (facts.firstAt === null || at < facts.firstAt) facts.firstAt = at;
  if (facts.saidAt === null || at > facts.saidAt) facts.saidAt = at;
}

/** So much of the beginning is looked at for the facts of a session: agents write long prompts before the first turn. */
const HEAD_BYTES = 4 * 1024 * 1024;
/** The end is looked at in growing pieces: the last line may be a long one. */
const TAIL_BYTES = [64 * 1024, 1024 * 1024, READ_LIMITS.lineBytes + 64 * 1024];

/** The file with what its ends told. */
export function sessionOf(file: TranscriptFile, { isKnown: _, session: __, ...facts }: Facts): SessionFile {
  return { ...file, ...facts };
}

export interface Look {
  /** Takes from a record what it tells; true when it stands in the conversation and has a time. */
  note(value: Fields, facts: Facts): boolean;
  /** Whether nothing more is wanted of the beginning. */
  isEnough(facts: Facts): boolean;
}

/** Looks at both ends of a file; a packed one is unpacked as a whole. */
export async function lookAtEnds(file: TranscriptFile, look: Look, facts = noFacts(file)): Promise<Facts> {
  const open = await openBelow(file.root, file.path, READ_LIMITS.fileBytes);
  try {
    await lookAtHead(file, open, look, facts);
    if (!file.path.endsWith(".zst")) await lookAtTail(open, look, facts);
    return facts;
  } finally {
    await open.handle.close();
  }
}

async function lookAtHead(file: TranscriptFile, open: OpenFile, look: Look, facts: Facts): Promise<void> {
  const isPacked = file.path.endsWith(".zst");
  const head = isPacked ? open : { ...open, bytes: Math.min(open.bytes, HEAD_BYTES) };
  const source = { file, open: head, limits: READ_LIMITS, options: {}, tally: newTally() };
  for await (const { value } of recordsOf(source)) {
    look.note(value, facts);
    if (!isPacked && look.isEnough(facts)) return;
  }
}

async function lookAtTail(open: OpenFile, look: Look, facts: Facts): Promise<void> {
  for (const size of TAIL_BYTES) {
    const from = Math.max(0, open.bytes - size);
    const cutter = lineCutter(READ_LIMITS.lineBytes);
    let isNoted = false;
    let isFirst = from > 0;
    const take = (bytes: Uint8Array | null) => {
      // The first line of a piece is the end of one that began before.
      const value = isFirst || bytes === null ? null : recordIn(bytes);
      isFirst = false;
      if (value !== null && look.note(value, facts)) isNoted = true;
    };
    for await (const chunk of chunksOf(open, from)) {
      for (const line of cutter.cut(chunk)) take(line.bytes);
    }
    const rest = cutter.rest();
    if (rest !== null) take(rest.bytes);
    if (isNoted || from === 0) return;
  }
}
