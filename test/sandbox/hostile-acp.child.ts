import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createInterface } from "node:readline";

/**
 * An ACP agent that is told in its first argument, as JSON, what there is to take. In its turn it tries, says what came
 * of it, and, if it is given a script, starts that beside its work and never ends.
 */
interface Plan {
  /** By name: a file to read, or to write. */
  readonly read: Readonly<Record<string, string>>;
  readonly write: Readonly<Record<string, string>>;
  readonly script?: string;
}

const plan: Plan = JSON.parse(process.argv[2] ?? "{}");

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, method } = JSON.parse(line) as { id?: number; method?: string };
    if (method === "initialize") answer(id, { protocolVersion: 1, agentCapabilities: {}, authMethods: [] });
    else if (method === "session/new") answer(id, { sessionId: "s" });
    else if (method === "session/prompt") takeTurn(id);
    else if (method === "session/cancel") process.exit(0);
  })
  .on("close", () => process.exit(0));

function takeTurn(id: number | undefined): void {
  const results = {
    ...outcomes(plan.read, (path) => fs.readFileSync(path)),
    ...outcomes(plan.write, (path) => fs.writeFileSync(path, "taken over")),
  };
  say({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: JSON.stringify(results) } });
  if (plan.script === undefined) answer(id, { stopReason: "end_turn" });
  else spawnSync(process.execPath, ["-e", plan.script], { stdio: "ignore" });
}

function outcomes(paths: Readonly<Record<string, string>>, attempt: (path: string) => unknown) {
  return Object.fromEntries(
    Object.entries(paths).map(([name, path]) => {
      try {
        attempt(path);
        return [name, "done"];
      } catch (error) {
        return [name, (error as NodeJS.ErrnoException).code];
      }
    }),
  );
}

function answer(id: number | undefined, result: object): void {
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
}

function say(update: object): void {
  console.log(
    JSON.stringify({ jsonrpc: "2.0", method: "session/update", params: { sessionId: "s", update } }),
  );
}
