import { isInstruction } from "../text/injection.ts";
import { readableText } from "../text/sanitize.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { isFunctionWord } from "./words.ts";

/** Names of an agent's own tools say nothing about the work. */
const tools = new Set(
  (
    "read write edit bash grep glob ls task todowrite multiedit websearch webfetch notebookedit exitplanmode askuserquestion " +
    "read_file search_replace write_file run_terminal_cmd list_dir grep_search codebase_search edit_file apply_patch shell " +
    "exec_command update_plan view_image str_replace_editor execute taskcreate taskupdate tasklist agent skill toolsearch " +
    "run_shell_command replace search_file_content read_many_files none n/a null unknown unspecified misc other"
  ).split(" "),
);

/** Words of a conversation, which lead nowhere and would read like one at the head of a line. */
const TALK =
  /^(?:sure|ok(?:ay)?|right|great|perfect|done|finished|good|hello|hi|hey|thanks?|yes|no|not|now|here|this|let|please|note|claro|listo|hecho|klar|fertig|gerne|voici|voilà)$/i;

/** Search terms that are safe to print in a comma separated line, in the given order, without repeats. */
export function keywordsFrom(words: readonly string[], most: number): readonly string[] {
  const kept = new Map<string, string>();
  for (const word of words) {
    if (kept.size >= most) break;
    const clean = withoutShapedSecrets(readableText(word.slice(0, 200)))
      .replace(/[\s,;`"'*#[\](){}<>|]+/g, " ")
      .trim()
      .replace(/^[./-]+(?=\w)/, "");
    const key = clean.toLowerCase();
    const isUseful =
      !TALK.test(clean) &&
      clean.length >= 2 &&
      clean.length <= 60 &&
      !tools.has(key) &&
      !isFunctionWord(key) &&
      /[\p{L}]/u.test(clean);
    if (isUseful && !kept.has(key) && !isInstruction(clean)) kept.set(key, clean);
  }
  return [...kept.values()];
}

/** Words of a title that could be searched for: names first, then long words. */
export function keywordsOfTitle(title: string): readonly string[] {
  const words = title.match(/[\p{L}\p{N}_][\p{L}\p{N}_./-]*[\p{L}\p{N}_]/gu) ?? [];
  const named = words.filter((word) => /[_./\d]|\p{Ll}\p{Lu}/u.test(word) && /\p{L}/u.test(word));
  return [
    ...named,
    ...words.filter((word) => !named.includes(word) && (word.length > 3 || /[\u3040-\u9fff]/.test(word))),
  ];
}
