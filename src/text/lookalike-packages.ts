/** Packages that many projects install, and that impostors are named after. */
const POPULAR = new Set(
  `requests numpy pandas flask django fastapi pydantic sqlalchemy pytest setuptools urllib3 certifi cryptography pillow scipy
  matplotlib tensorflow torch transformers boto3 botocore jinja2 click celery redis psycopg2 aiohttp httpx beautifulsoup4 selenium
  playwright openai anthropic langchain tiktoken uvicorn gunicorn werkzeug packaging virtualenv poetry black mypy pylint paramiko
  react lodash express axios chalk commander webpack typescript eslint prettier vitest jest mocha moment dayjs mongoose sequelize
  prisma dotenv cross-env nodemon rimraf debug async bluebird underscore jquery angular svelte vue next nuxt rollup esbuild babel
  postcss tailwindcss bootstrap electron puppeteer socket.io passport bcrypt jsonwebtoken uuid semver glob minimist yargs inquirer
  discord.js node-fetch colors faker event-stream serde tokio clap anyhow reqwest rails rspec nokogiri devise sidekiq puma`.split(
    /\s+/,
  ),
);

const INSTALL =
  /\b(?:pip3?|pipx|uv(?: pip)?|poetry|conda|npm|yarn|pnpm|bun|gem|cargo|go)\s+(?:install|add|i|get)\s+((?:[-@\w./~^=<>[\]]{1,80}\s?){1,12})|\b(?:npx|bunx|uvx|pnpm dlx)\s+(?:-y\s+)?([@\w./-]{2,80})/gi;

/** Whether a text installs something that is named nearly, and not quite, as a package everybody knows. */
export function installsLookAlike(text: string): boolean {
  for (const [, many, one] of text.matchAll(INSTALL)) {
    for (const word of (many ?? one ?? "").split(/\s+/)) {
      const name = word
        .toLowerCase()
        .replace(/[=<>~^[@].*$/, "")
        .replace(/[.,;:]+$/, "");
      if (name.startsWith("-") || name.includes("/") || name === "" || POPULAR.has(name)) continue;
      if (name.split(/[-_.]/).some(isLookAlike) || isLookAlike(name)) return true;
    }
  }
  return false;
}

function isLookAlike(part: string): boolean {
  if (part.length < 5 || POPULAR.has(part)) return false;
  for (const known of POPULAR) {
    if (known.length >= 5 && Math.abs(known.length - part.length) <= 1 && isOneSlip(part, known)) return true;
  }
  return false;
}

/** One letter more, less, other, or two in the wrong order; the plural of a name is a name. */
function isOneSlip(a: string, b: string): boolean {
  const isPlural = a === `${b}s` && !b.endsWith("s");
  if (isPlural || b === `${a}s` || a.replace(/\d+$/, "") === b.replace(/\d+$/, "")) return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) [endA, endB] = [endA - 1, endB - 1];
  const [left, right] = [a.slice(from, endA), b.slice(from, endB)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}
