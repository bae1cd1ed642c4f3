import { renameSync } from "node:fs";

/**
 * Swaps the folder `run/workspace/skills` below its argument for a symlink and back, as fast as it can, until it is
 * killed: a writer that outlived its agent.
 */
const [folder = ""] = process.argv.slice(2);
const skills = `${folder}/run/workspace/skills`;

function attempt(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // It is being removed just now.
  }
}

process.stdout.write("ready\n");
for (;;) {
  attempt(skills, `${folder}/real`);
  attempt(`${folder}/link`, skills);
  attempt(skills, `${folder}/link`);
  attempt(`${folder}/real`, skills);
}
