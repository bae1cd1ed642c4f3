import type { Check } from "./check.ts";

const PATH = "memory_summary.md";

/** Readers know the format of the summary by its first line. */
export const summaryVersion: Check = (candidate) => {
  const text = candidate.text(PATH);
  if (text === null || text === "" || firstLine(text) === "v1") return [];
  return [
    {
      finding: {
        code: "summary_version",
        path: PATH,
        message: `${PATH} does not begin with the line "v1".`,
        repair: `The first line of ${PATH} must be exactly v1, with nothing before or after it on that line.`,
      },
    },
  ];
};

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}
