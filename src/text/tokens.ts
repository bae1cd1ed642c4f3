/** An estimate of a text's tokens that no common tokenizer is expected to exceed on notes: paths, code, any script. */
export function tokensOf(text: string): number {
  let tokens = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    tokens += code < 0x80 ? 0.3 : code < 0x250 ? 0.7 : code < 0x1_0000 ? 1.3 : 3;
  }
  return Math.ceil(tokens);
}
