import { tokensOf } from "../text/tokens.ts";
import type { Check } from "./check.ts";
import { GATE_LIMITS } from "./limits.ts";

const PATH = "memory_summary.md";

/**
 * What readers load of the summary, apart from what may be stored: they stop at a number of tokens, so that a longer
 * one is not wrong but cut. The agent is asked to shorten it; when it can't, the person learns what is cut.
 */
export const summaryLength: Check = ({ text }) => {
  const summary = text(PATH);
  const tokens = summary === null ? 0 : tokensOf(summary);
  if (summary === null || tokens <= GATE_LIMITS.injectedTokens) return [];
  const line = firstLineCut(summary);
  return [
    {
      finding: {
        code: "summary_too_long",
        path: PATH,
        message: `${PATH} has about ${tokens} tokens; readers load ${GATE_LIMITS.injectedTokens}, so everything from line ${line} on is not seen.`,
        repair: `Shorten ${PATH} from about ${tokens} to less than ${GATE_LIMITS.injectedTokens} tokens (about ${GATE_LIMITS.injectedTokens * 3} characters): keep the index complete, shorten or drop the least useful lines.`,
      },
    },
  ];
};

function firstLineCut(summary: string): number {
  const lines = summary.split("\n");
  let tokens = 0;
  const at = lines.findIndex((line) => {
    tokens += tokensOf(`${line}\n`);
    return tokens > GATE_LIMITS.injectedTokens;
  });
  return at < 0 ? lines.length : at + 1;
}
