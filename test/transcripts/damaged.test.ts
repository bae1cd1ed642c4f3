import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf } from "../../src/domain/failure.ts";
import { READERS, type TranscriptFile, transcriptAt, type Utterance } from "../../src/transcripts/index.ts";
import { freshFolder, jsonLines, lay, readAll, readAt, SAMPLE_FILES, sampleText, talk } from "./samples.ts";

/** Reads what may be broken: utterances, or the code of a refusal. Anything else that is thrown fails the test. */
async function readBroken(file: TranscriptFile): Promise<readonly Utterance[] | string> {
  try {
    return (await readAll(file)).utterances;
  } catch (error) {
    const code = codeOf(error) ?? "";
    if (!code.startsWith("session_")) throw error;
    return code;
  }
}

/** The file as it stands now: its facts change with each damage. */
function sized(file: TranscriptFile, bytes: number): TranscriptFile {
  return { ...file, bytes };
}

test.each(SAMPLE_FILES)("%s, cut off at any byte, is a beginning of itself", async (name) => {
  const folder = freshFolder();
  const text = Buffer.from(sampleText(name));
  lay(folder, { [name]: text });
  const file = await transcriptAt(join(folder, name));
  const whole = new Set((await readAll(file)).utterances.map(({ text }) => text));
  // Every byte near a line's end, some hundred elsewhere.
  const ends = [...text.keys()]
    .filter((at) => text[at] === 0x0a)
    .flatMap((at) => [at - 1, at, at + 1, at + 2]);
  const cuts = [
    ...new Set([...ends, ...Array.from({ length: 60 }, (_, at) => Math.floor((at * text.length) / 60))]),
  ];
  for (const cut of cuts.filter((at) => at >= 0 && at <= text.length).sort((a, b) => b - a)) {
    truncateSync(join(folder, name), cut);
    const read = await readBroken(sized(file, cut));
    if (typeof read !== "string")
      for (const { text, tier, tool } of read)
        expect(whole.has(text) || (text === "" && tool !== undefined) || tier === "final", `${cut}`).toBe(
          true,
        );
  }
});

test("a line that stands twice is heard once", async () => {
  const folder = freshFolder();
  for (const name of SAMPLE_FILES.filter((name) => name.endsWith(".jsonl"))) {
    const lines = sampleText(name).trimEnd().split("\n");
    lay(folder, {
      [name]: sampleText(name),
      [`twice-${name}`]: `${lines.flatMap((line) => [line, line]).join("\n")}\n`,
    });
    const [once, twice] = [await readAt(join(folder, name)), await readAt(join(folder, `twice-${name}`))];
    expect(talk(twice.utterances)).toEqual(talk(once.utterances));
  }
});

test("Gemini's edits in any order make no crash, and say nothing that was never said", async () => {
  const folder = freshFolder();
  const [head = "", ...edits] = sampleText("gemini-cli-0.61.0-resumed.jsonl").trimEnd().split("\n");
  const path = join(folder, "session-1.jsonl");
  writeFileSync(path, `${[head, ...edits].join("\n")}\n`);
  const file = await transcriptAt(path);
  const said = new Set((await readAll(file)).utterances.map(({ text }) => text));
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(edits, { minLength: 1 }), async (shuffled) => {
      writeFileSync(path, `${[head, ...shuffled].join("\n")}\n`);
      const read = await readBroken(file);
      if (typeof read !== "string")
        expect(read.filter(({ text, tool }) => !said.has(text) && tool === undefined)).toEqual([]);
    }),
    { numRuns: 60, seed: 7 },
  );
});

test("bytes that are no text, wherever they stand, make no crash", async () => {
  const folder = freshFolder();
  const samples = SAMPLE_FILES.map((name) => ({ name, bytes: Buffer.from(sampleText(name)) }));
  for (const { name, bytes } of samples) lay(folder, { [name]: bytes });
  const files = await Promise.all(samples.map(({ name }) => transcriptAt(join(folder, name))));
  const damage = fc.uint8Array({ minLength: 1, maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(samples.length - 1),
      fc.double({ min: 0, max: 1, noNaN: true }),
      damage,
      async (at, place, junk) => {
        const sample = samples[at] as (typeof samples)[number];
        const broken = Buffer.from(sample.bytes);
        broken.set(junk, Math.floor(place * (broken.length - junk.length)));
        writeFileSync(join(folder, sample.name), broken);
        await readBroken(files[at] as TranscriptFile);
      },
    ),
    { numRuns: 120, seed: 11 },
  );
});

test("a NUL, invalid UTF-8 and a line beyond the limit are counted and left out; what follows is heard", async () => {
  const folder = freshFolder();
  const line = (text: string) =>
    JSON.stringify({
      type: "user",
      sessionId: "90e8fce3-061f-45ef-941c-431a103557b8",
      uuid: text,
      message: { content: text },
    });
  const path = join(folder, "90e8fce3-061f-45ef-941c-431a103557b8.jsonl");
  writeFileSync(path, `${line("First.")}\n${line("n\0ul")}\n`);
  appendFileSync(
    path,
    Buffer.concat([Buffer.from('{"type":"user"'), Buffer.from([0xc3, 0x28]), Buffer.from("}\n\0\n")]),
  );
  appendFileSync(
    path,
    `${JSON.stringify({ type: "user", message: { content: "x".repeat(4_000) } })}\n${line("Last.")}\n`,
  );
  const { utterances, report } = await readAt(path, { limits: { lineBytes: 2_000 } });
  // A NUL that is written as an escape is part of what was said.
  expect(talk(utterances)).toEqual(["person: First.", "person: n\0ul", "person: Last."]);
  expect([report.broken, report.tooLong]).toEqual([2, 1]);
});

test("a file of nothing we know is refused by name, an empty one holds nothing", async () => {
  const folder = freshFolder();
  const odd = jsonLines({ kind: "v9", body: "…" }, { kind: "v9", body: "…" });
  lay(folder, { "rollout-x.jsonl": odd, "empty.jsonl": "", "text.jsonl": "hello\n" });
  for (const name of ["rollout-x.jsonl", "empty.jsonl", "text.jsonl"])
    await expect(transcriptAt(join(folder, name))).rejects.toMatchObject({ code: "session_unknown_format" });
  const file = {
    agent: "codex",
    key: "k",
    root: folder,
    path: join(folder, "rollout-x.jsonl"),
  } as TranscriptFile;
  await expect(readAll(file)).rejects.toMatchObject({ code: "session_unknown_format" });
  await expect(READERS.codex.describe(file)).rejects.toMatchObject({ code: "session_unknown_format" });
});

test("the limits of lines and of time end a reading early, and it says so", async () => {
  const folder = freshFolder();
  const path = join(folder, "codex.jsonl");
  writeFileSync(path, sampleText("codex-0.169.0-two-turns.jsonl"));
  const short = await readAt(path, { limits: { lines: 10 } });
  expect([
    short.report.lines,
    short.report.cutBy,
    short.utterances.filter(({ tier }) => tier === "person").length,
  ]).toEqual([10, "lines", 1]);
  let clock = 0;
  const slow = await readAt(path, { now: () => (clock += 40_000) });
  expect([slow.report.cutBy, slow.utterances]).toEqual(["time", []]);
  await expect(readAt(path, { limits: { fileBytes: 1_000 } })).rejects.toMatchObject({
    code: "session_too_large",
  });
  await expect(readAt(path, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
});
