import { contentHash } from "../memory-files/blobs.ts";
import { createYield, type HostFile, isHostPath, SUMMARIES } from "../memory-files/host-files.ts";
import { findSecrets, redact } from "../text/redact.ts";
import { pathText } from "../text/sanitize.ts";
import { type Base, type Check, limited, type Remark } from "./candidate.ts";

/** No secret in what the agent wrote, by the rules that redact the inputs. The finding names line and kind, never the secret. */
export const noSecrets: Check = async ({ manifest, text }) => {
  const remarks: Remark[] = [];
  for (const { path } of manifest) {
    const content = isHostPath(path) ? null : text(path);
    if (content === null) continue;
    const shown = pathText(path);
    const found = findSecrets(content).map(({ line, kind }) => ({
      finding: {
        code: "secret" as const,
        path: shown,
        message: `Line ${line} of ${shown} holds what looks like a secret (${kind}).`,
        repair: `Line ${line} of ${shown} looks like it holds a secret (${kind}): replace the secret by [REDACTED_SECRET].`,
      },
    }));
    remarks.push(...limited(found));
  }
  return remarks;
};

/** Looking takes about a second for each MiB. */
const MOST_CHARACTERS = 8 * 1024 ** 2;

/**
 * The host's files without the secrets that reached the store past the import, which another program's rows can do.
 * Files that the base holds were looked at when they were new. The headers are kept: ids and folders in them are compared
 * with the inputs.
 */
export async function redactHostFiles(
  files: readonly HostFile[],
  { manifest }: Pick<Base, "manifest">,
): Promise<{ readonly files: readonly HostFile[]; readonly remarks: readonly Remark[] }> {
  const known = new Set(manifest.map(({ path, hash }) => `${path}\n${hash}`));
  const fresh = new Set(
    files.filter(({ path, hash }) => !known.has(`${path}\n${hash}`)).map(({ path }) => path),
  );
  const pause = createYield();
  const clean: HostFile[] = [];
  const remarks: Remark[] = [];
  let left = MOST_CHARACTERS;
  for (const file of files) {
    await pause();
    if (!fresh.has(file.path) || left <= 0) {
      clean.push(file);
      continue;
    }
    const sections = sectionsOf(file).map((section) => {
      const isFresh = section.path === file.path || fresh.has(section.path);
      if (!isFresh || left <= 0) return { text: section.text, count: 0 };
      left -= section.text.length;
      return redactBody(section.text);
    });
    const count = sections.reduce((sum, section) => sum + section.count, 0);
    if (count === 0) clean.push(file);
    else {
      const content = Buffer.from(sections.map(({ text }) => text).join(""));
      clean.push({ path: file.path, hash: await contentHash(content), content });
      remarks.push(replaced(file.path, count));
    }
  }
  return { files: clean, remarks };
}

/** A summary is one section; `raw_memories.md` has one for each thread, beside its title. */
function sectionsOf({
  path,
  content,
}: HostFile): readonly { readonly path: string; readonly text: string }[] {
  const text = Buffer.from(content).toString();
  if (path.startsWith(`${SUMMARIES}/`)) return [{ path, text }];
  return text.split(/^(?=## Thread `)/m).map((section) => ({
    path: `${SUMMARIES}/${/^rollout_summary_file: (.*)$/m.exec(section)?.[1] ?? ""}`,
    text: section,
  }));
}

function redactBody(text: string): { readonly text: string; readonly count: number } {
  const end = text.indexOf("\n\n");
  if (end < 0) return { text, count: 0 };
  const body = redact(text.slice(end));
  return { text: text.slice(0, end) + body.text, count: body.count };
}

function replaced(path: string, count: number): Remark {
  const what = count === 1 ? "What looks like a secret was" : `${count} places that look like secrets were`;
  return {
    finding: {
      code: "input_secret",
      path,
      message: `${what} replaced in ${path}; the session came into the store past the import. Import it again, or take it out with \`slowwave purge\`.`,
      repair: null,
    },
  };
}
