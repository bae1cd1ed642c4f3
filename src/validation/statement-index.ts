/** Share of a statement's words that another must have to count as saying the same. */
const ENOUGH = 0.5;
/** Lines that hold a word this often say nothing by it; a bound on the work as well. */
const COMMON = 400;

/** Whether a text still says something: one of its lines has the statement's words, or enough of them. */
export function statementIndex(text: string): (statement: string) => boolean {
  const lines = text.split("\n").map((line) => wordsOf(line));
  const whole = new Set(lines.map((words) => [...words].join(" ")));
  const byWord = new Map<string, number[]>();
  lines.forEach((words, at) => {
    for (const word of words) {
      const places = byWord.get(word);
      if (places === undefined) byWord.set(word, [at]);
      else places.push(at);
    }
  });
  return (statement) => {
    const words = wordsOf(statement);
    if (words.size === 0 || whole.has([...words].join(" "))) return true;
    const hits = new Map<number, number>();
    let telling = 0;
    for (const word of words) {
      const places = byWord.get(word) ?? [];
      if (places.length > COMMON) continue;
      telling += 1;
      for (const at of places) hits.set(at, (hits.get(at) ?? 0) + 1);
    }
    return telling === 0 || Math.max(0, ...hits.values()) >= telling * ENOUGH;
  };
}

/** Words in the order they come, each once; letters of scripts without spaces count one by one. */
function wordsOf(line: string): ReadonlySet<string> {
  const plain = line.toLowerCase().replace(/\[task \d+\]/g, "");
  return new Set(plain.match(/[\u3040-\u30ff\u3400-\u9fff]|[\p{L}\p{N}_]{2,}/gu) ?? []);
}
