import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { transcriptIn } from "../../src/import/stage1-file.ts";
import { line } from "../cli/invoke.ts";
import { TRANSCRIPTS } from "./transcripts.ts";

describe("a transcript is told by its shape", () => {
  test.each(TRANSCRIPTS)("$form", ({ agent, text }) => {
    expect(transcriptIn(Buffer.from(text))).toBe(agent);
  });

  test("also behind a byte order mark, blank lines and a broken first line", () => {
    const [{ agent, text } = { agent: null, text: "" }] = TRANSCRIPTS;
    expect(transcriptIn(Buffer.from(`\ufeff\r\n\n{"type": tru\n${text}`))).toBe(agent);
  });

  test("also when the bytes end within its first line", () => {
    const text = JSON.stringify({
      timestamp: "2026-09-02T10:00:00Z",
      type: "session_meta",
      payload: { id: "a", base_instructions: { text: "You are".repeat(1_000) } },
    });
    expect(transcriptIn(Buffer.from(text.slice(0, 2_000)))).toBe("Codex");
  });

  test("and OpenCode's store by the tables of its schema", () => {
    const tables = ["project", "session", "message", "part"];
    const store = databaseOf(tables.map((name) => `create table \`${name}\` (\`id\` text primary key)`));
    expect(transcriptIn(store)).toBe("OpenCode");
    expect(transcriptIn(databaseOf(["create table session (id text)"]))).toBe(null);
  });
});

test("whatever has a field of a stage-1 output is none, with any other fields and at any length", () => {
  const foreign = TRANSCRIPTS.flatMap(({ text }) => text.split("\n")).flatMap((text) => {
    try {
      return [JSON.parse(text) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
  fc.assert(
    fc.property(fc.constantFrom(...foreign), fc.nat(100_000), (fields, cut) => {
      const text = Buffer.from(`${line(fields)}\n${JSON.stringify(fields)}\n`);
      expect(transcriptIn(text)).toBe(null);
      expect(transcriptIn(text.subarray(0, Math.max(40, cut)))).toBe(null);
    }),
  );
});

test("any bytes get an answer", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), (bytes) => {
      expect(transcriptIn(bytes)).toBe(null);
    }),
  );
});

function databaseOf(statements: readonly string[]): Uint8Array {
  const db = new Database(":memory:");
  for (const statement of statements) db.exec(statement);
  const bytes = db.serialize();
  db.close();
  return bytes;
}
