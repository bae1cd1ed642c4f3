import { isUtf8 } from "node:buffer";
import { type CutLine, lineCutter } from "../text/lines.ts";
import {
  READ_LIMITS,
  type Reading,
  type ReadingReport,
  type ReadLimits,
  type ReadOptions,
  type TranscriptFile,
  type Utterance,
} from "./reader.ts";
import { chunksOf, type OpenFile, openBelow, unpackedChunks } from "./source-file.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** One line of a transcript as an object, and where it stands. */
export interface LineRecord {
  readonly value: Fields;
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/** The report of a reading while it goes on. */
export type Tally = { -readonly [Key in keyof ReadingReport]: ReadingReport[Key] } & {
  passedOver: Record<string, number>;
};

/** Kinds of records that a hostile file may invent are not counted one by one without end. */
const MAX_KINDS = 200;

export function passOver(tally: Tally, kind: string): void {
  const known = tally.passedOver[kind] !== undefined || Object.keys(tally.passedOver).length < MAX_KINDS;
  const name = known ? kind.slice(0, 80) : "other";
  tally.passedOver[name] = (tally.passedOver[name] ?? 0) + 1;
}

export function newTally(): Tally {
  return {
    lines: 0,
    readTo: 0,
    broken: 0,
    tooLong: 0,
    repeated: 0,
    passedOver: Object.create(null) as Record<string, number>,
    machineMade: 0,
    cutBy: null,
  };
}

/** A reading whose report is filled by `work` on its way. */
export function readingOf(
  options: ReadOptions,
  work: (tally: Tally, limits: ReadLimits) => AsyncGenerator<Utterance>,
): Reading {
  const tally = newTally();
  return {
    report: tally,
    [Symbol.asyncIterator]: () => work(tally, { ...READ_LIMITS, ...options.limits }),
  };
}

/** Opens the file of a session for as long as `use` works with it. */
export async function* withOpenFile<Item>(
  file: TranscriptFile,
  limits: ReadLimits,
  use: (open: OpenFile) => AsyncGenerator<Item>,
): AsyncGenerator<Item> {
  const open = await openBelow(file.root, file.path, limits.fileBytes);
  try {
    yield* use(open);
  } finally {
    await open.handle.close();
  }
}

export interface RecordSource {
  readonly file: TranscriptFile;
  readonly open: OpenFile;
  readonly limits: ReadLimits;
  readonly options: ReadOptions;
  readonly tally: Tally;
}

/**
 * The records of a file of JSON lines, one at a time. Lines that can't be used are counted; half a line at the end is left
 * alone: it is still being written. A last line without an end that is a whole record is taken.
 */
export async function* recordsOf(source: RecordSource): AsyncGenerator<LineRecord> {
  const { file, open, limits, options, tally } = source;
  const chunks = file.path.endsWith(".zst")
    ? unpackedChunks(open, file.path, limits.fileBytes)
    : chunksOf(open);
  const cutter = lineCutter(limits.lineBytes);
  const deadline = options.now === undefined ? null : options.now() + limits.milliseconds;
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    if (deadline !== null && options.now !== undefined && options.now() > deadline) {
      tally.cutBy = "time";
      return;
    }
    for (const line of cutter.cut(chunk)) {
      if (tally.lines >= limits.lines) {
        tally.cutBy = "lines";
        return;
      }
      const value = take(line, tally);
      if (value !== null) yield { value, number: line.number, from: line.from, to: line.to };
    }
  }
  const rest = cutter.rest();
  const value = rest?.bytes ? recordIn(rest.bytes) : null;
  if (rest === null || value === null || tally.lines >= limits.lines) return;
  tally.lines += 1;
  tally.readTo = rest.to;
  yield { value, number: rest.number, from: rest.from, to: rest.to };
}

function take(line: CutLine, tally: Tally): Fields | null {
  tally.readTo = line.to;
  if (line.length === 0) return null;
  tally.lines += 1;
  if (line.bytes === null) {
    tally.tooLong += 1;
    return null;
  }
  const value = recordIn(line.bytes);
  if (value === null && !isBlank(line.bytes)) tally.broken += 1;
  return value;
}

/** The object that a line holds; null when it holds none. */
export function recordIn(bytes: Uint8Array): Fields | null {
  if (bytes.includes(0) || !isUtf8(bytes)) return null;
  return objectIn(jsonIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")));
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch {
    return null;
  }
}

export function objectIn(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text that says something; null for everything else. */
export function stringIn(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Milliseconds of an RFC 3339 text or of a number in milliseconds; null when it is no time a session can have. */
export function timeIn(value: unknown): number | null {
  const at = typeof value === "string" ? Date.parse(value) : typeof value === "number" ? value : Number.NaN;
  return at > EARLIEST && at < LATEST ? Math.trunc(at) : null;
}

const EARLIEST = Date.UTC(2000, 0);
const LATEST = Date.UTC(9999, 0);

/** The texts of a message, which is one text or a list of parts with a text each. */
export function textsIn(content: unknown): readonly string[] {
  if (typeof content === "string") return content === "" ? [] : [content];
  return listIn(content).flatMap((part) => {
    const text = typeof part === "string" ? part : stringIn(objectIn(part)?.text);
    return text === null || text === "" ? [] : [text];
  });
}

export function textIn(content: unknown): string {
  return textsIn(content).join("\n");
}
