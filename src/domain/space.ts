import { SlowwaveError } from "./failure.ts";

/** Characters that a space key may have; a picture of several code points counts as those. */
export const MAX_SPACE_KEY = 200;

/**
 * Rejects a space key that no run could use, at every door alike: keys have 1 to 200 characters (code points), none of
 * them a control character or half of a pair. Throws `space_invalid`.
 */
export function checkSpaceKey(space: string): void {
  if (space !== "" && [...space].length <= MAX_SPACE_KEY && !/[\p{Cc}\p{Cs}]/u.test(space)) return;
  throw new SlowwaveError(
    "space_invalid",
    `A space key has 1 to ${MAX_SPACE_KEY} characters and no control characters; choose another.`,
  );
}
