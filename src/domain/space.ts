import { SlowwaveError } from "./failure.ts";

/** Characters that a space key may have; a picture of several code points counts as those. */
export const MAX_SPACE_KEY = 200;

/**
 * Checks the key of a space: 1 to 200 code points, without control characters and half characters. Every door that takes
 * a key asks here (command line, library, HTTP, stores). Throws `space_invalid`.
 */
export function checkSpaceKey(space: unknown): asserts space is string {
  const isValid =
    typeof space === "string" &&
    space !== "" &&
    !/[\p{Cc}\p{Cs}]/u.test(space) &&
    (space.length <= MAX_SPACE_KEY || [...space].length <= MAX_SPACE_KEY);
  if (isValid) return;
  throw new SlowwaveError(
    "space_invalid",
    `A space key has 1 to ${MAX_SPACE_KEY} characters and no control characters; choose another one.`,
  );
}
