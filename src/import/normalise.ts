/**
 * A text as it is kept: CR LF becomes LF, and every control character but tab and newline becomes U+FFFD, so
 * that no memory can speak to a terminal. Half characters become U+FFFD too, since UTF-8 cannot hold them.
 * All else stays verbatim.
 */
export function normalised(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[^\P{Cc}\t\n]/gu, "\u{fffd}")
    .toWellFormed();
}
