/** Reads the session in a file and prints how much was said and how many bytes were resident at most. */
import { READERS, transcriptAt } from "../../src/transcripts/index.ts";

const file = await transcriptAt(process.argv[2] ?? "");
let said = 0;
let most = 0;
for await (const _ of READERS[file.agent].read(file)) {
  said += 1;
  if (said % 500 === 0) most = Math.max(most, process.memoryUsage.rss());
}
console.log(JSON.stringify({ said, most }));
