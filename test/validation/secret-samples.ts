/** Put together here, so that no scanner of repositories takes them for real ones. */
const j = (...parts: readonly string[]) => parts.join("");
const ALPHABET = "aB3dE5gH7jK9mN2pQ4rS6tU8vW1xY0zA";
const token = (length: number) => ALPHABET.repeat(Math.ceil(length / ALPHABET.length)).slice(0, length);

/** Text to write, and the part of it that must not be seen again. */
export const SECRETS: readonly (readonly [what: string, text: string, secret: string])[] = (
  [
    ["an AWS key id", "", j("AK", "IA", "Q3EGRSTUVWXYZ234")],
    ["an AWS secret key", j("aws_secret_access", "_key = "), token(40)],
    ["a GitHub token", "", j("gh", "p_", token(36))],
    ["a fine-grained GitHub token", "", j("github", "_pat_", token(22), "_", token(59))],
    ["a GitLab token", "", j("gl", "pat-", token(20))],
    ["a Slack token", "", j("xo", "xb-123456789012-123456789012-", token(24))],
    ["a model provider's key", "", j("sk-", "ant-api03-", token(40))],
    ["a Google key", "", j("AI", "za", token(35))],
    ["a Stripe key", "", j("sk_", "live_", token(24))],
    ["an npm token", "", j("np", "m_", token(36))],
    ["a PyPI token", "", j("py", "pi-AgEIcHlwaS5vcmc", token(50))],
    ["a Hugging Face token", "", j("h", "f_", token(34))],
    ["a JSON web token", "", j("ey", "J", token(20), ".", "eyJ", token(30), ".", token(43))],
    ["a bearer token", "Authorization: Bearer ", token(40)],
    ["a password in a URL", "postgres://app:", j("s3cr3t", "-Pa55@db.internal/app")],
    ["an assigned password", "DB_PASSWORD=", j("corr3ct", "-horse-battery")],
    ["an argument", "mysql --password=", j("Tr0ub4dor", "-and-3")],
    ["a Telegram token", "", j("123456789", ":AA", token(33))],
    [
      "an age key",
      "",
      j("AGE-SECRET", "-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE".slice(0, 58)),
    ],
    [
      "a private key",
      "",
      j("-----BEGIN RSA PRIV", "ATE KEY-----\n", token(64), "\n-----END RSA PRIV", "ATE KEY-----"),
    ],
  ] as const
).map(([what, lead, secret]) => [
  what,
  `${lead}${secret}`,
  secret.split("\n")[1] ?? secret.replace(/@.*/, ""),
]);
