import { isHostPath } from "../memory-files/host-files.ts";
import { pathText } from "../text/sanitize.ts";
import type { Check } from "./check.ts";

/** Two names that are one where case or Unicode forms don't count would overwrite each other on the next machine. */
export const collisions: Check = ({ problems }) =>
  problems
    .filter(({ path, kind }) => kind === "collision" && !isHostPath(path))
    .map(({ path }) => {
      const shown = pathText(path);
      return {
        finding: {
          code: "path_collision",
          path: shown,
          message: `${shown} has the same name as another file where upper and lower case don't count.`,
          repair: `Rename or remove ${shown}: its name differs from another's only in case or Unicode form.`,
        },
      };
    });
