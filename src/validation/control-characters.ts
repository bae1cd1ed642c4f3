import { isHostPath } from "../memory-files/host-files.ts";
import { pathText } from "../text/sanitize.ts";
import type { Check } from "./check.ts";

/** Tab, line feed, and a carriage return before it; all others move cursors, ring bells or hide text. NUL is told elsewhere. */
const CONTROL = /(?!\t|\n|\r\n|\0)[\u0000-\u001f\u007f-\u009f]/;

/** What a terminal would obey has no place in a text that is printed to terminals. */
export const controlCharacters: Check = ({ manifest, text }) =>
  manifest
    .filter(({ path }) => !isHostPath(path))
    .flatMap(({ path }) => {
      const content = text(path);
      const at = content?.search(CONTROL) ?? -1;
      if (content === null || at < 0 || content.includes("\0")) return [];
      const line = content.slice(0, at).split("\n").length;
      const shown = pathText(path);
      return {
        finding: {
          code: "control_characters",
          path: shown,
          message: `${shown} holds control characters, first in line ${line}.`,
          repair: `Remove the control characters (escape sequences, bells, backspaces) from ${shown}; the first is in line ${line}.`,
        },
      };
    });
