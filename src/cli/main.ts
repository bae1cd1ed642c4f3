import { failed } from "./failed.ts";
import { processWorld } from "./process-world.ts";
import { runProgram } from "./program.ts";
import { createOutput } from "./ui/output.ts";
import type { World } from "./world.ts";

/** The command line, in whatever world it is run; resolves to the exit code and never rejects. */
export async function main(world: World): Promise<number> {
  const output = createOutput(world);
  try {
    return await runProgram({ world, output });
  } catch (error) {
    return failed(error, output, outputMode(world));
  }
}

/** Asked of the arguments themselves, since they may be what is wrong. */
function outputMode({ argv, env }: World): { readonly json: boolean; readonly debug: boolean } {
  const end = argv.indexOf("--");
  const json = argv.slice(0, end === -1 ? argv.length : end).includes("--json");
  return { json, debug: env.SLOWWAVE_DEBUG === "1" };
}

/** What `bin/slowwave.js` calls. Everything is closed by now; nothing that lingers may keep the process. */
export async function enter(): Promise<void> {
  const world = processWorld();
  process.on("uncaughtException", (error) => {
    // A broken program must not leave an agent behind: it ends with this process.
    process.exit(failed(error, createOutput(world), outputMode(world)));
  });
  const code = await main(world);
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))),
  );
  process.exit(code);
}
