import { describe, expect, test } from "vitest";
import { sentencesOf } from "../../src/extractive/prose.ts";
import { consolidated, note, statements } from "./sessions.ts";

const read = (memory: string) => {
  const { memory: handbook } = consolidated({ id: "aa01", day: 1, memory });
  return {
    preferences: statements(handbook, "User preferences"),
    knowledge: statements(handbook, "Reusable knowledge"),
    failures: statements(handbook, "Failures and how to do differently"),
  };
};

describe("reading a note", () => {
  test.each([
    [
      "a YAML head and labelled sections",
      "---\ndescription: x y z\n---\n\nPreference signals:\n- prefers tabs over spaces in Makefiles\n\nReusable knowledge:\n- The API listens on port 8080 behind nginx.\n\nFailures and how to do differently:\n- Builds fail when `TMPDIR` is full; clean it first.\n",
    ],
    [
      "headings and another bullet",
      "# Session\n\n## User Preferences\n* prefers tabs over spaces in Makefiles\n\n## What we learned\n* The API listens on port 8080 behind nginx.\n\n## Pitfalls\n* Builds fail when `TMPDIR` is full; clean it first.\n",
    ],
    [
      "bold titles and numbers",
      "**Preferences**\n1. prefers tabs over spaces in Makefiles\n\n**Facts:**\n1. The API listens on port 8080 behind nginx.\n\n**Gotchas**\n1. Builds fail when `TMPDIR` is full; clean it first.\n",
    ],
    [
      "labels on the items",
      "- Preference: prefers tabs over spaces in Makefiles\n- Fact: The API listens on port 8080 behind nginx.\n- Failure: Builds fail when `TMPDIR` is full; clean it first.\n",
    ],
    [
      "a head that is never closed",
      "---\ndescription: x y z\nkeywords: a, b\n\n## User preferences\n- prefers tabs over spaces in Makefiles\n## Facts\n- The API listens on port 8080 behind nginx.\n## Errors\n- Builds fail when `TMPDIR` is full; clean it first.\n",
    ],
    [
      "CR LF",
      "## Preferences\r\n\r\n- prefers tabs over spaces in Makefiles\r\n\r\n## Facts\r\n\r\n- The API listens on port 8080 behind nginx.\r\n\r\n## Failures\r\n\r\n- Builds fail when `TMPDIR` is full;\r\n  clean it first.\r\n",
    ],
  ])("with %s", (_, memory) => {
    expect(read(memory)).toEqual({
      preferences: ["prefers tabs over spaces in Makefiles"],
      knowledge: ["The API listens on port 8080 behind nginx."],
      failures: ["Builds fail when `TMPDIR` is full; clean it first."],
    });
  });

  test("of plain prose tells wishes, facts and failures apart by their words", () => {
    expect(
      read(
        "We moved the mailer. The queue runs in its own container since May. The user wants every migration to be reversible. Deploys failed twice because the health check timed out after 5 s.",
      ),
    ).toEqual({
      preferences: ["The user wants every migration to be reversible."],
      knowledge: ["The queue runs in its own container since May."],
      failures: ["Deploys failed twice because the health check timed out after 5 s."],
    });
  });

  test.each([
    [
      "German",
      "Vorlieben des Nutzers",
      "Der Nutzer möchte kurze Antworten, z. B. drei Sätze.",
      "Erkenntnisse",
      "Der Dienst läuft hinter nginx auf Port 8080.",
      "Fehler",
      "Der Build schlug fehl, weil die Platte voll war.",
    ],
    [
      "French",
      "Préférences de l'utilisateur",
      "L'utilisateur préfère des réponses courtes.",
      "Connaissances",
      "Le service tourne derrière nginx sur le port 8080.",
      "Échecs",
      "La construction a échoué parce que le disque était plein.",
    ],
    [
      "Spanish",
      "Preferencias del usuario",
      "El usuario prefiere respuestas cortas.",
      "Conocimiento reutilizable",
      "El servicio corre detrás de nginx en el puerto 8080.",
      "Fallos",
      "La compilación falló porque el disco estaba lleno.",
    ],
    [
      "Japanese",
      "ユーザーの好み",
      "ユーザーは短い返答を好む。",
      "知識",
      "サービスは nginx の後ろでポート 8080 を使う。",
      "失敗",
      "ディスクが満杯のためビルドが失敗した。",
    ],
    [
      "Chinese",
      "用户偏好",
      "用户希望回答简短。",
      "经验",
      "服务在 nginx 后面使用 8080 端口。",
      "失败",
      "因为磁盘已满，构建失败了。",
    ],
  ])("keeps %s sentences whole and tells them apart", (_, a, wish, b, fact, c, failure) => {
    expect(read(`## ${a}\n- ${wish}\n\n## ${b}\n- ${fact}\n\n## ${c}\n- ${failure}\n`)).toEqual({
      preferences: [wish],
      knowledge: [fact],
      failures: [failure],
    });
  });

  test("keeps the user's own words, with their marks and what the note makes of them", () => {
    const { preferences } = read(
      note({
        preferences: [
          'the user said: "no mocks in integration tests" -> start a real Postgres',
          'user asked: "always show me the diff first"',
          "l'utilisateur a dit : « pas de dépendance sans raison »",
          'when the agent renamed a flag, the user said "don\'t touch public names" and undid it',
        ],
      }),
    );
    expect([...preferences].sort()).toEqual([
      '"always show me the diff first"',
      '"no mocks in integration tests" -> start a real Postgres',
      '"pas de dépendance sans raison"',
      'when the agent renamed a flag, the user said "don\'t touch public names" and undid it',
    ]);
  });

  test("of a long message keeps the sentences that state a wish", () => {
    const { preferences } = read(
      "Preference signals:\n- the user said: \"OK, take a look at the config. Why is it called enabled? We don't want negated options, positive names are easier to reason about. Let's start with phase 2.\"\n",
    );
    expect(preferences).toEqual([
      '"We don\'t want negated options, positive names are easier to reason about."',
    ]);
  });

  test("reads tables by row and commands with the words before them", () => {
    const { knowledge } = read(
      "## Facts\n\n| service | port | owner |\n|---|---|---|\n| billing gateway | 9001 | payments team |\n| search | 9002 | - |\n\nStart the local stack with:\n\n```sh\nmake up SERVICES=all\n```\n",
    );
    expect(knowledge).toEqual([
      "Start the local stack with: `make up SERVICES=all`",
      "billing gateway: port 9001; owner payments team",
    ]);
  });

  test("tells symptom, cause and fix in one statement", () => {
    const { failures } = read(
      "## Failures\n- Symptom: the page stayed white\n- Cause: the service worker cached an old bundle\n- Fix: bump the cache name\n",
    );
    expect(failures).toEqual([
      "Symptom: the page stayed white; Cause: the service worker cached an old bundle; Fix: bump the cache name",
    ]);
  });

  test("splits no sentence at an abbreviation, a version, a URL, a file name or inside code", () => {
    const text =
      "Pin the image, e.g. to v1.2.3, because `a. B` and https://x.example/a.Html differ. The file main.go stays in the root folder.";
    expect(read(text).knowledge).toEqual([text]);
    expect(sentencesOf(text)).toEqual([
      "Pin the image, e.g. to v1.2.3, because `a. B` and https://x.example/a.Html differ.",
      "The file main.go stays in the root folder.",
    ]);
  });

  test("strips emphasis, links, check boxes and HTML, and keeps code", () => {
    expect(
      read(
        "## Facts\n- [x] **The** *worker* reads [the config](./docs/config.md) <b>once</b> from `__main__.py`.\n",
      ).knowledge,
    ).toEqual(["The worker reads the config once from `__main__.py`."]);
  });
});

describe("what is left out", () => {
  test.each([
    "All tests pass and the linter is clean.",
    "Let me check the other callers first.",
    "I'll now update the documentation.",
    "files edited: src/a.ts, src/b.ts",
    "Okay, now everything is green.",
    "Done. The package has been renamed.",
    "$ npm test",
    "drwxr-xr-x 14 dev staff 448 Jul 1 08:50 ..",
    "    at Object.<anonymous> (/app/index.js:1:1)",
    '{"level":"info","msg":"started","port":8080}',
    "2026-01-31 10:29:22 INFO Parsing session file",
    "Here's a summary of the changes:",
    "Want me to open a pull request?",
    "Exit code 0",
    "`npm run lint`",
    "Alle Tests laufen jetzt durch.",
    "すべてのテストが通りました。",
    "好的，现在我来运行测试。",
  ])("chatter and dumps: %s", (line) => {
    expect(read(`## Facts\n- ${line}\n`).knowledge).toEqual([]);
  });

  test.each([
    [
      "Exit code 1 pkg/store/db.go:12:4: File is not properly formatted (gofmt) ID: id, ^ 1 issues: * gofmt: 1",
      "File is not properly formatted (gofmt)",
    ],
    ["Exit code 128 fatal: unrecognized argument: --no-stat", null],
    ["--- FAIL: TestThing (0.00s)", null],
    ["FAIL github.com/acme/tool/pkg 0.233s", null],
    ["Error: Process completed with exit code 1.", null],
  ])("of raw output all but the telling line: %s", (line, kept) => {
    expect(read(`## Failures\n- ${line}\n`).failures).toEqual(kept === null ? [] : [kept]);
  });

  test("what was said in passing: questions, numbered to-dos, one-off orders", () => {
    const said = [
      "Why so many returns here?",
      "Address 3, 8 and 11",
      "ok now let's start on Phase 1",
      "proceed",
    ];
    expect(read(note({ preferences: said.map((words) => `the user said: "${words}"`) })).preferences).toEqual(
      [],
    );
  });

  test("the tail of an overlong statement, and a statement that breaks off", () => {
    const long = "The exporter writes one file per tenant and never overwrites an older one. ".repeat(9);
    const endless = `The list of regions is ${"north-west ".repeat(80)}`;
    const { knowledge } = read(`## Facts\n- ${long}\n- ${endless}\n`);
    expect(knowledge.map((text) => [text.length <= 300, text.slice(-9)])).toEqual([[true, "lder one."]]);
  });
});

test("what the person says in two sessions is kept whatever its words, and a template that agents copy is not", () => {
  const said = "keep commit messages in the imperative mood and under 60 characters.";
  const template = [
    "Look at the recent messages and predict the next one.",
    "Be specific and stay silent when the next step is not obvious.",
    "Match the style of the person in all you suggest.",
  ];
  const memory = `Requests:\n- the user said: "${said}"\n\nSteps:\n${template.map((line) => `- ${line}`).join("\n")}\n`;
  const sessions = [0, 1, 2].map((day) => ({ id: `s${day}`, day, memory }));
  expect(statements(consolidated(...sessions).memory)).toEqual([`"${said}"`]);
  expect(statements(consolidated({ id: "s0", day: 0, memory }).memory)).toEqual([]);
});

test("a recap in prose is read where there is no note: the words of the user end with their quotation marks", () => {
  const recap = 'The user said: "always run npm test -- --shop0 before a commit". The agent fixed the cart.';
  expect(statements(consolidated({ id: "a", day: 0, recap }).memory, "User preferences")).toEqual([
    '"always run npm test -- --shop0 before a commit"',
  ]);
});

describe("a failure without a way out", () => {
  const failure = "Error: listen EADDRINUSE: address already in use :::4310";
  const told = (...knowledge: string[]) =>
    statements(consolidated({ id: "a", day: 0, memory: note({ failures: [failure], knowledge }) }).memory);

  test("takes the later success of the same subject as one", () => {
    expect(told("Running `npx kill-port 4310` fixed EADDRINUSE; a crashed watcher held the port.")).toEqual([
      "Error: listen EADDRINUSE: address already in use :::4310 -> Running `npx kill-port 4310` fixed EADDRINUSE; a crashed watcher held the port.",
    ]);
  });

  test.each([
    ["a success of something else", "Clearing the cache with `npm run clean` fixed the stale styles."],
    ["what did not help", "Restarting the shell did not fix EADDRINUSE."],
  ])("is not explained by %s", (_, knowledge) => {
    expect(told(knowledge).filter((line) => line.includes("->"))).toEqual([]);
  });
});

test("that a command passes is no fact, what it is for is one", () => {
  const told = (line: string) =>
    statements(consolidated({ id: "a", day: 0, memory: note({ knowledge: [line, "ok"] }) }).memory);
  expect(told("`npm test` passes.")).toEqual([]);
  expect(told("`npm run e2e` needs a running broker.")).toEqual(["`npm run e2e` needs a running broker."]);
});
