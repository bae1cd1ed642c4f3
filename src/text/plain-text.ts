/** What an agent said, fit for a log line and a terminal: no control or bidirectional characters, bounded. */
export function plainText(text: string, maxLength: number): string {
  // Cut before and after: the replacement must not run over megabytes, nor split a surrogate pair.
  const plain = text
    .slice(0, maxLength + 1)
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]|\p{Cs}/gu, "\ufffd");
  return text.length > maxLength ? `${plain.slice(0, maxLength - 1)}…` : plain;
}
