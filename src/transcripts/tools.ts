import type { ToolCall } from "./reader.ts";
import { type Fields, jsonIn, listIn, objectIn, stringIn } from "./records.ts";

/** The names under which the four agents run a shell command. */
const SHELLS = new Set([
  "bash",
  "shell",
  "shell_command",
  "exec_command",
  "local_shell",
  "local_shell_call",
  "container.exec",
  "run_shell_command",
]);

/** The names under which they write a file, and the fields that may name it. */
const WRITERS = new Set([
  "edit",
  "write",
  "multiedit",
  "notebookedit",
  "write_file",
  "replace",
  "edit_file",
  "patch",
]);
const PATH_FIELDS = ["file_path", "filePath", "notebook_path", "absolute_path", "path"] as const;

/** A tool's call as one shape for all agents; `input` is an object, JSON, or plain text such as a patch. */
export function toolCall(name: string, input: unknown): ToolCall {
  const text = typeof input === "string" ? input : JSON.stringify(input ?? null);
  const fields = objectIn(typeof input === "string" ? jsonIn(input) : input);
  const kind = name.toLowerCase();
  const command = SHELLS.has(kind) ? commandIn(fields) : null;
  const files = kind.includes("apply_patch")
    ? filesOfPatch(stringIn(fields?.patchText) ?? stringIn(fields?.input) ?? text)
    : WRITERS.has(kind)
      ? pathsIn(fields)
      : filesOfPatch(command ?? "");
  return { name, input: command ?? text, command, files, ok: null };
}

function commandIn(fields: Fields | null): string | null {
  const given = fields?.command ?? fields?.cmd ?? fields?.script;
  if (typeof given === "string") return given === "" ? null : given;
  const words = listIn(given).filter((word) => typeof word === "string");
  if (words.length === 0) return null;
  // `bash -lc "…"` runs what stands in its last word.
  const isWrapped =
    words.length >= 3 && /(?:^|\/)(?:ba|z|da|k)?sh$/.test(words[0] ?? "") && /^-\w*c$/.test(words[1] ?? "");
  return isWrapped ? (words[2] ?? null) : words.join(" ");
}

function pathsIn(fields: Fields | null): readonly string[] {
  const path = PATH_FIELDS.map((field) => stringIn(fields?.[field])).find((found) => found !== null);
  return path === undefined || path === null ? [] : [path];
}

/** The files that a patch in Codex's format names. */
function filesOfPatch(patch: string): readonly string[] {
  if (!patch.includes("*** Begin Patch")) return [];
  const named = patch.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$|^\*\*\* Move to: (.+)$/gm);
  return [...new Set([...named].map((found) => (found[1] ?? found[2] ?? "").trim()))].filter(
    (path) => path !== "",
  );
}

/** The exit code that the text around a command's output tells; null when it tells none. */
export function exitCodeIn(output: string): number | null {
  const head = output.slice(0, 400);
  const found =
    /^(?:Process exited with code|Exit code:?) (-?\d+)/im.exec(head) ??
    /^(?:Process exited with code|Exit code:?) (-?\d+)/im.exec(output.slice(-400));
  return found === null ? null : Number(found[1]);
}

/** The names under which the four agents search the web or fetch from it. */
const WEB = new Set([
  "webfetch",
  "websearch",
  "web_fetch",
  "web_search",
  "web_search_call",
  "google_web_search",
  "codesearch",
]);

/**
 * Whether the tool's answer is from outside of the machine: from the web, or from an MCP server. OpenCode names a tool of
 * a server `server_tool`, which its name alone does not tell.
 */
export function takesInOutsideWords(name: string): boolean {
  const kind = name.toLowerCase();
  return (
    WEB.has(kind) || /^mcp[_-]/.test(kind) || kind === "mcp_tool_call" || /^[a-z0-9.-]+__[a-z]/.test(kind)
  );
}
