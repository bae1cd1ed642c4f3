import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redact } from "../../src/text/redact.ts";
import { SECRETS } from "../validation/secret-samples.ts";

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
});

type Case = readonly [what: string, text: string, expected: string];

describe("secrets on command lines, in addresses and in prose", () => {
  const hex = "0123456789abcdef".repeat(4);
  test.each<Case>([
    [
      "storage key",
      `AccountName=acme;AccountKey=${drawn(86)}==;Endpoint=x`,
      `AccountName=acme;AccountKey=${MARK};Endpoint=x`,
    ],
    [
      "shared access signature",
      `https://a.blob.example.org/c?sv=1&sig=${drawn(43)}%3D&se=2`,
      `https://a.blob.example.org/c?sv=1&sig=${MARK}&se=2`,
    ],
    [
      "signed address",
      `https://b.example.org/k?X-Amz-Signature=${hex}&x=1`,
      `https://b.example.org/k?X-Amz-Signature=${MARK}&x=1`,
    ],
    [
      "chat webhook",
      `https://discord.com/api/webhooks/118765432109876543/${drawn(68)}`,
      `https://discord.com/api/webhooks/118765432109876543/${MARK}`,
    ],
    [
      "office webhook",
      `https://acme.webhook.office.com/webhookb2/${drawn(36)}@${drawn(36)}`,
      `https://acme.webhook.office.com/webhookb2/${MARK}`,
    ],
    [
      "user of a request",
      `curl -sS -u deploy:${drawn(14)} https://ci.example.org/job`,
      `curl -sS -u deploy:${MARK} https://ci.example.org/job`,
    ],
    ["password of a shell", `sshpass -p '${drawn(9)} ${drawn(4)}' ssh a@b`, `sshpass -p '${MARK}' ssh a@b`],
    ["password of a database client", `mysql -u root -p${drawn(14)} app`, `mysql -u root -p${MARK} app`],
    [
      "password of a cache client",
      `redis-cli -h cache -a ${drawn(14)} ping`,
      `redis-cli -h cache -a ${MARK} ping`,
    ],
    [
      "password of a registry",
      `docker login -u ci -p ${drawn(14)} registry.example.org`,
      `docker login -u ci -p ${MARK} registry.example.org`,
    ],
    [
      "password of a key",
      `openssl rsa -in a.pem -passin pass:${drawn(14)}`,
      `openssl rsa -in a.pem -passin pass:${MARK}`,
    ],
    [
      "netrc",
      `machine api.example.org\n  login ci\n  password ${drawn(14)}`,
      `machine api.example.org\n  login ci\n  password ${MARK}`,
    ],
    [
      "told in English",
      `The staging password is ${drawn(12)}#9, ask me.`,
      `The staging password is ${MARK} ask me.`,
    ],
    [
      "told of something",
      `the password for the db on staging is still \`${drawn(12)}\``,
      `the password for the db on staging is still \`${MARK}\``,
    ],
    ["told in German", `Das Passwort lautet ${drawn(12)}#9`, `Das Passwort lautet ${MARK}`],
    ["told in Spanish", `la contraseña es ${drawn(12)}#9`, `la contraseña es ${MARK}`],
    ["told in French", `le mot de passe est ${drawn(12)}#9`, `le mot de passe est ${MARK}`],
    ["told in Chinese", `密码是 ${drawn(12)}#9`, `密码是 ${MARK}`],
    ...[
      "mem0_",
      "xai-",
      "sbp_",
      "dp.pt.",
      "hsk-",
      "gsk_",
      "lin_api_",
      "hvs.",
      "dop_v1_",
      "shpat_",
      "ntn_",
      "figd_",
      "tskey-auth-",
      "glsa_",
      "pul-",
      "nvapi-",
      "r8_",
    ].map(
      (prefix) =>
        [
          `${prefix}…`,
          `the key ${prefix}${drawn(40)} works`,
          `the key ${MARK} works`,
        ] as const satisfies Case,
    ),
  ])("%s: replaced, and what it was for is kept", (_, text, expected) => {
    expect(redact(text)).toEqual({ text: expected, count: 1 });
  });

  test.each([
    "the password is required for every request",
    "The token budget is 200000 and the password is hashed with argon2id.",
    "the secret is stored in 1Password, the key is config/production.json",
    "the token is user_id2, the key is MAX_RETRIES_2, the pin is 2024-11-04",
    "password: the user wants to be asked for it each time",
    "mysql -u root -p app asks for it; mysql -P 3307; docker run -p 8080:80 -u 1000:1000 web",
    "curl -u $USER:$PASS https://example.org; git push -u origin main",
    "see https://example.com/docs/authentication?tab=token#password-reset",
    "the machine logs in, then the login page asks for the password again",
    "npm_config_cache, hf_transfer_enabled_by_default, sbp_settings_for_everyone_1",
    "integrity sha512-3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b==",
  ])("%s: nothing to hide", (text) => {
    expect(redact(text)).toEqual({ text, count: 0 });
  });
});

describe("what a reader does not see hides no secret", () => {
  const unseen = fc.constantFrom(
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u202e",
    "\ufffd",
    "\u001b[31m",
    "\\\n",
    "\\\n    ",
  );
  const words = SECRETS.filter(([, , secret]) => !secret.includes("\n"));

  test("between its characters: wherever they stand", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...words),
        fc.array(fc.tuple(unseen, fc.nat()), { minLength: 1, maxLength: 4 }),
        ([, text, secret], marks) => {
          const lead = text.indexOf(secret) < 0 ? text : text.slice(0, text.indexOf(secret));
          const value = text.slice(lead.length);
          const split = marks.reduce((rest, [mark, at]) => {
            const place = 1 + (at % (value.length - 1));
            return `${rest.slice(0, place)}${mark}${rest.slice(place)}`;
          }, value);
          const read = redact(`${lead}${split} end`).text.replace(
            /\\\n {0,4}|\u001b\[31m|\p{Cf}|\ufffd/gu,
            "",
          );
          expect(read).not.toContain(secret);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("in an address or a string of a program: however it is encoded", () => {
    const value = drawn(14);
    const encoded = (text: string) =>
      text.replace(/[:/@=&]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
    const once = encoded(`https://user:${value}@db.example.org`);
    const texts = [
      once,
      once.replaceAll("%", "%25"),
      `"https:\\/\\/user:${value}@db"`,
      `password\\u003d${value}`,
      `key = "ghp_${value}" + "${drawn(22)}"`,
      `ｐａｓｓｗｏｒｄ＝${value}`,
    ];
    expect(texts.filter((text) => redact(text).text.includes(value))).toEqual([]);
  });
});

describe("every rule takes linear time", () => {
  /** Of this process, in milliseconds; other processes on the machine don't count. */
  const cpuOf = (text: string) => {
    const before = process.cpuUsage();
    redact(text);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const filled = (piece: string, kib: number) => piece.repeat(Math.ceil((kib * 1024) / piece.length));

  test.each([
    [
      "a",
      "a:",
      "a.",
      "a-",
      "a_",
      "A-",
      " ",
      "\n",
      '"',
      "=",
      "-",
      "é",
      "\\\n",
      "%25",
      "%41",
      '"+"',
      "\u200b",
      "👩\u200d",
      "ａ",
    ],
    [
      "password: ",
      "password",
      "secret_",
      "token=",
      "token \t",
      "--token ",
      "api_key: a1b2c3 ",
      "x-api-key=",
      "password a b c ",
      "password is ",
    ],
    [
      "http://a:",
      "http://a:b@",
      "a:a@",
      "//",
      "a+",
      "Bearer ",
      "authorization: ",
      "cookie: sess",
      "?sig=",
      "?token=a1b2c3d4e5&",
    ],
    ["-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAA"],
    [
      "eyJ",
      "eyJ-",
      "eyJaaaaaaaa.",
      "sk-",
      "npm_",
      "AKIA",
      "0:AA",
      "xoxb-1",
      "QUJD",
      "dp.pt.",
      "key-",
      "MMMMMMMMMMMMMMMMMMMMMMMMMM.",
    ],
    [
      "curl ",
      "curl -u ",
      "curl -u a:",
      "mysql -p ",
      "docker x",
      "machine a login b ",
      MARK,
      `password=${MARK}`,
    ],
  ])("on %j and the like", (...pieces) => {
    for (const piece of pieces) {
      cpuOf(filled(piece, 16));
      const small = Math.max(cpuOf(filled(piece, 64)), 5);
      // Four times the text; quadratic time would be sixteen times.
      expect(cpuOf(filled(piece, 256)) / small, JSON.stringify(piece)).toBeLessThan(12);
    }
  });
});
