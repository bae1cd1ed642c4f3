import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

/** For scripted agents: leaves a process behind that writes `tick` again and again; a turn ends once it was seen. */
export function writeOn(turn: number, end: () => void): void {
  const source = `setInterval(() => require("node:fs").writeFileSync("tick", String(Date.now())), 2);`;
  if (turn === 1) spawn(process.execPath, ["-e", source], { detached: true, stdio: "ignore" }).unref();
  const seen = setInterval(() => {
    if (!existsSync("tick")) return;
    clearInterval(seen);
    end();
  }, 5);
}
