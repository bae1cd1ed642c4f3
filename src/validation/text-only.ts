import { isHostPath } from "../memory-files/host-files.ts";
import { pathText } from "../text/sanitize.ts";
import type { Check } from "./check.ts";

/** A memory is text: valid UTF-8 without NUL, in every file the agent wrote. */
export const textOnly: Check = (candidate) =>
  candidate.manifest
    .filter(({ path }) => !isHostPath(path) && candidate.bytes(path) !== null)
    .filter(({ path }) => candidate.text(path)?.includes("\0") ?? true)
    .map(({ path }) => {
      const shown = pathText(path);
      return {
        finding: {
          code: "not_text",
          path: shown,
          message: `${shown} is not UTF-8 text.`,
          repair: `Write ${shown} as UTF-8 text without NUL characters, or remove it.`,
        },
      };
    });
