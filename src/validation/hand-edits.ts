import { lostHandEdits } from "../memory-files/carry-over.ts";
import { pathText } from "../text/sanitize.ts";
import { type Check, limited, type Remark } from "./check.ts";

/**
 * A person's words stay: every line that they wrote or changed is in the result, and what they took away is not back.
 * The host carries both over before the gate looks, so a finding here is rare.
 */
export const handEditsKept: Check = ({ base, text }) =>
  Object.entries(base.handEdits).flatMap(([path, edits]) => {
    const [before, after] = [base.text(path), text(path)];
    const shown = pathText(path);
    if (edits.some(({ line }) => line < 0)) return after === null ? [] : [restored(shown)];
    if (before === null || after === null) return [];
    return limited(
      lostHandEdits({ text: before, edits }, after).map(({ kind, line }) =>
        kind === "missing" ? missing(shown, line + 1) : back(shown, line + 1),
      ),
    );
  });

function missing(path: string, line: number): Remark {
  return {
    finding: {
      code: "hand_edit_lost",
      path,
      message: `Line ${line} of the former ${path}, which a person wrote, is not in the new one.`,
      repair: `Line ${line} of the former ${path} was written by the user: put it back word for word, in its group (see hand_edits.diff).`,
    },
  };
}

function back(path: string, line: number): Remark {
  return {
    finding: {
      code: "hand_edit_lost",
      path,
      message: `Line ${line} of ${path} was taken away by a person and is back.`,
      repair: `Line ${line} of ${path} was deleted by the user: remove it, and say the same in no other words (see hand_edits.diff).`,
    },
  };
}

function restored(path: string): Remark {
  return {
    finding: {
      code: "hand_edit_lost",
      path,
      message: `${path} was deleted by a person and is back.`,
      repair: `Remove ${path}: the user deleted it.`,
    },
  };
}
