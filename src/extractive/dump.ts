/** Directory listings, prompts, diffs, hashes, log lines, stack frames, serialised data. */
export function isDump(text: string): boolean {
  return (
    /^(?:\$ |> |% |>>> |\+\+\+ |--- |@@ |diff --git|index [0-9a-f]{7})/.test(text) ||
    /(?:^|\s)[-d][rwx-]{9}[@+.]?\s|^total \d+\b/.test(text) ||
    /^\[?\d{1,4}[-/:]\d{1,2}[-/:]\d{1,4}[ T]\d{1,2}:\d{2}/.test(text) ||
    /^(?:=== |--- )?(?:RUN|PASS|FAIL|SKIP|ok)\b[ :]+\S*(?:Test|\/|\()/.test(text) ||
    /^\s?at \S+ ?\(|^(?:Traceback|File "[^"]+", line \d+|goroutine \d+)|^\s?\^+\s*$/.test(text) ||
    /^[[{].*[\]}]$|^\{\s?"|":\s?[{["]/.test(text) ||
    /^(?:import|export|const|let|var|func|def|class|return|package|use|using|public|private|if \(|for \()\s[^.]*[;{}=()]\s*$/.test(
      text,
    ) ||
    /\b[A-Za-z0-9+/]{80,}={0,2}\b/.test(text)
  );
}
