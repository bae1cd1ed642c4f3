import { CUT_SHORT } from "./cut-short.ts";
import { FAILURES } from "./failures.ts";
import { GOOD_ENDS } from "./good-ends.ts";
import type { Story } from "./story.ts";

/** Everything that is told; the key is the name of its transcript. */
export const STORIES: Readonly<Record<string, Story>> = { ...GOOD_ENDS, ...FAILURES, ...CUT_SHORT };
