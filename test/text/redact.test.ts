import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { redact } from "../../src/text/redact.ts";

const MARK = "[REDACTED_SECRET]";

/** Text of a wanted length that looks drawn by chance; written so, no scanner takes this file for a leak. */
function drawn(length: number): string {
  return Array.from({ length }, (_, at) => "aB3dE5fG7hJ9kL2m"[(at * 7 + Math.floor(at / 16)) % 16]).join("");
}

const pem = (kind: string) => `-----BEGIN ${kind}-----\n${`${drawn(64)}\n`.repeat(6)}-----END ${kind}-----`;

describe("secrets", () => {
  test.each([
    ["Authorization header", `Authorization: Bearer ${drawn(40)}`, `Authorization: Bearer ${MARK}`],
    [
      "basic authorization",
      `curl -H "Authorization: Basic ${drawn(16)}==" x`,
      `curl -H "Authorization: Basic ${MARK}" x`,
    ],
    ["API key header", `x-api-key: ${drawn(24)}`, `x-api-key: ${MARK}`],
    ["private key", `before ${pem("RSA PRIVATE KEY")} after`, `before ${MARK} after`],
    ["OpenSSH key", pem("OPENSSH PRIVATE KEY"), MARK],
    ["private key on one line", pem("PRIVATE KEY").replaceAll("\n", "\\n"), MARK],
    ["private key, cut off", `-----BEGIN EC PRIVATE KEY-----\n${drawn(64)}\nand so on`, `${MARK}\nand so on`],
    ["password assignment", "password=hunter2hunter2", `password=${MARK}`],
    ["quoted password of letters", 'password: "correcthorsebattery"', `password: "${MARK}"`],
    [
      "password in JSON",
      '{"db_password": "s3cr3t-Value", "port": 1}',
      `{"db_password": "${MARK}", "port": 1}`,
    ],
    ["password in escaped JSON", '{\\"password\\": \\"s3cr3t99\\"}', `{\\"password\\": \\"${MARK}\\"}`],
    ["environment", "export DB_PASSWORD=swordfish", `export DB_PASSWORD=${MARK}`],
    ["AWS key id", `AK${"IAZ7VRSQ5TJN2XMPLQ"} used`, `${MARK} used`],
    ["AWS secret", `aws_secret_access_key = ${drawn(40)}`, `aws_secret_access_key = ${MARK}`],
    ["GitHub token", `gh${"p_"}${drawn(36)}`, MARK],
    ["fine-grained GitHub token", `github${"_pat_"}${drawn(22)}_${drawn(59)}`, MARK],
    ["OpenAI key", `sk-${"proj-"}${drawn(48)}`, MARK],
    ["Anthropic key", `sk-${"ant-api03-"}${drawn(93)}AA`, MARK],
    ["Slack token", `xox${"b-"}123456789012-123456789012-${drawn(24)}`, MARK],
    ["Google key", `AI${"za"}${drawn(35)}`, MARK],
    ["Stripe key", `sk${"_live_"}${drawn(24)}`, MARK],
    ["npm token", `npm${"_"}${drawn(36)}`, MARK],
    [
      ".npmrc",
      `//registry.example.org/:_authToken=${drawn(20)}`,
      `//registry.example.org/:_authToken=${MARK}`,
    ],
    ["Hugging Face token", `hf${"_"}${drawn(34)}`, MARK],
    ["JSON web token", `ey${"J"}hbGciOiJIUzI1NiJ9.ey${"J"}zdWIiOiIxMjM0In0.${drawn(43)}`, MARK],
    ["PostgreSQL URL", "postgres://app:s3cretpw@db:5432/x", `postgres://app:${MARK}@db:5432/x`],
    ["Redis URL", "redis://:s3cretpw@cache:6379", `redis://:${MARK}@cache:6379`],
    ["https URL", "https://user:pa55word@example.org/x", `https://user:${MARK}@example.org/x`],
    ["command line", "mysql --password=Tr0ub4dor&3 -u root", `mysql --password=${MARK} -u root`],
  ])("%s: replaced, and what it was for is kept", async (_, text, expected) => {
    expect(redact(text)).toEqual({ text: expected, count: 1 });
  });

  test("a comment in the text cannot switch the scanners off", async () => {
    const text = `/* secretlint-disable */\ngl${"pat-"}${drawn(20)}`;
    expect(redact(text).text).toBe(`/* secretlint-disable */\n${MARK}`);
  });

  test("doing it again changes nothing", async () => {
    const once = redact(`password=hunter2hunter2 postgres://a:s3cretpw@b/c ${pem("PRIVATE KEY")}`);
    expect(once.count).toBe(3);
    expect(redact(once.text)).toEqual({ text: once.text, count: 0 });
  });

  test.each([
    "password: string",
    "password: required",
    "const token = getToken();",
    "apiKey: process.env.OPENAI_API_KEY",
    "password=$DB_PASSWORD and token=$\u007bTOKEN}",
    "API_KEY=your-api-key-here",
    "password: ********",
    "the token: refresh it every hour",
    "maxTokens: 2500, tokens used: 1234567",
    "sk-learn-pipeline-with-things",
    "Bearer tokens are required for everything",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "thread 01a0615d-2806-76f8-b84d-db93bdc39048",
    "http://localhost:8080/a@b",
    "secret = hashlib.sha256(body)",
    "-----BEGIN PUBLIC KEY-----",
    "git@github.com:owner/name.git",
  ])("%s is none", async (text) => {
    expect(redact(text)).toEqual({ text, count: 0 });
  });

  test("the samples hold none", async () => {
    const records = readFileSync("samples/stage1.jsonl", "utf8")
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    const found = records.flatMap((record) => [redact(record.raw_memory), redact(record.rollout_summary)]);
    expect(found.filter(({ count }) => count > 0)).toEqual([]);
  });

  test.each([
    ["a", "a:", "a.", "a-", "a_", " ", "\n", '"', "=", "-", "é"],
    ["password: ", "password", "secret_", "token=", "token \t", "--token ", "api_key: a1b2c3 ", "x-api-key="],
    ["http://a:", "http://a:b@", "a:a@", "//", "a+", "Bearer ", "authorization: ", "cookie: sess"],
    ["-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAA"],
    ["eyJ", "eyJaaaaaaaa.", "sk-", "npm_", "AKIA", "0:AA", "xoxb-1", "QUJD", MARK, `password=${MARK}`],
  ])("take linear time on a mebibyte of %o and the like", async (...pieces) => {
    for (const piece of pieces) {
      const text = piece.repeat(Math.floor((1024 * 1024) / piece.length));
      const began = performance.now();
      redact(text);
      // Quadratic time would be minutes; the bound leaves room for a busy machine.
      expect(performance.now() - began, JSON.stringify(piece)).toBeLessThan(3_000);
    }
  });
});
