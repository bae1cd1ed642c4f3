import { SECRET_SHAPES } from "../text/secret-shapes.ts";

const redacted = "[REDACTED_SECRET]";

/** Replaces what has the shape of a secret. The import does so first; this is the last line, for what came another way. */
export function withoutSecrets(text: string): string {
  return SECRET_SHAPES.reduce(
    (rest, { pattern, isSecret }) =>
      rest.replace(pattern, (match: string, ...groups: unknown[]) => {
        const lead = typeof groups[0] === "string" ? groups[0] : "";
        const value = match.slice(lead.length);
        return value.includes(redacted) || isSecret?.(value) === false ? match : `${lead}${redacted}`;
      }),
    text,
  );
}
