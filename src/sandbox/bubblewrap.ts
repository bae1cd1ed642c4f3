import { SlowwaveError } from "../domain/failure.ts";
import { findOnPath } from "../process/find-program.ts";
import { tryBubblewrap } from "./probe-bubblewrap.ts";
import type { RoomNetwork, Sandbox } from "./sandbox.ts";
import { type Bubblewrap, wrapped } from "./wrap.ts";

type Missing = { readonly missing: string };

/**
 * bubblewrap (Linux): namespaces of its own for processes, users, mounts, IPC and, unless it is open, the network; of
 * the machine's files only the system, read-only, and what the room names; no capability; no terminal. All that
 * was started in it ends with it.
 */
export function bubblewrap(path: () => string | undefined = () => process.env.PATH): Sandbox {
  const tried = new Map<string, Promise<Bubblewrap | Missing>>();

  async function found(network: RoomNetwork): Promise<Bubblewrap | Missing> {
    if (process.platform !== "linux") return { missing: elsewhere() };
    const program = await findOnPath("bwrap", path());
    if (program === null) return { missing: MISSING };
    const key = `${network} ${program}`;
    const attempt = tried.get(key) ?? tryBubblewrap(program, network);
    tried.set(key, attempt);
    const answer = await attempt;
    // Somebody may mend it while this process lives.
    if ("missing" in answer) tried.delete(key);
    return answer;
  }

  return {
    name: "bubblewrap",
    async probe(network) {
      const answer = await found(network);
      return "missing" in answer ? answer : { version: answer.version };
    },
    async confine(command, room) {
      const answer = await found(room.network);
      if ("missing" in answer) throw new SlowwaveError("failed_sandbox_policy", answer.missing);
      return wrapped(answer, command, room);
    },
  };
}

const CHOICE = "or choose `--sandbox none`, with which the agent reaches all that you can";

const MISSING = `bubblewrap is not here: there is no \`bwrap\` on PATH. Install it (\`apt install bubblewrap\`, \`dnf install bubblewrap\`), ${CHOICE}.`;

function elsewhere(): string {
  return `There is no sandbox for this agent on ${process.platform}. Use an agent that brings its own, ${CHOICE}.`;
}
