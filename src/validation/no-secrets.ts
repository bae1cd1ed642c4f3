import { isHostPath } from "../memory-files/host-files.ts";
import { shownPath } from "../memory-files/memory-path.ts";
import { findSecrets } from "../text/redact.ts";
import { type Check, type Remark, told } from "./check.ts";

/** No secret in what the agent wrote, by the rules that redact the inputs. The finding names line and kind, never the secret. */
export const noSecrets: Check = async ({ manifest, text }) => {
  const remarks: Remark[] = [];
  for (const { path } of manifest) {
    const content = isHostPath(path) ? null : text(path);
    if (content === null) continue;
    const shown = shownPath(path);
    const found = findSecrets(content).map(({ line, kind }) => ({
      finding: {
        code: "secret" as const,
        path: shown,
        message: `Line ${line} of ${shown} holds what looks like a secret (${kind}).`,
        repair: `Line ${line} of ${shown} looks like it holds a secret (${kind}): replace the secret by [REDACTED_SECRET].`,
      },
    }));
    remarks.push(...told(found));
  }
  return remarks;
};
