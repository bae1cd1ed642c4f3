import { execFileSync, spawnSync } from "node:child_process";
import type { Journal } from "./journal.ts";

/** A machine's own network, with one cable to the computer that the database is on. */
export interface Network {
  readonly netns: string;
  /** The address under which the database's computer is seen from there. */
  readonly host: string;
  /**
   * From now on packets are dropped, in silence, or answered by a reset of their connection. `up`: those that the machine
   * sends; `down`: those that it would get. `reset`: the machine is told; `lost`: the other side, whose sessions end.
   */
  cut(how: "both" | "up" | "down" | "reset" | "lost"): void;
  mend(): void;
  close(): void;
}

/** Whether cables can be cut here; says so loudly where not. */
export function hasNetworks(): boolean {
  const isRoot = process.getuid?.() === 0;
  const works = (command: string, ...args: readonly string[]) => spawnSync(command, args).status === 0;
  const can = isRoot && works("ip", "netns", "list") && works("iptables", "-w", "-L", "-n");
  if (!can) console.error("\nNOT RUN: without ip netns and iptables no network is cut.\n");
  return can;
}

let made = 0;

export function openNetwork(journal: Journal): Network {
  made += 1;
  // Of this process and run: a killed test may have left others.
  const id = `${process.pid % 10_000}x${made}`;
  const [netns, here, there] = [`slowwave-${id}`, `sw${id}h`, `sw${id}m`];
  const block = `10.231.${process.pid % 250}`;
  const [host, machine] = [`${block}.${made * 4 + 1}`, `${block}.${made * 4 + 2}`];
  const ip = (...args: readonly string[]) => execFileSync("ip", args, { stdio: "pipe" });
  ip("netns", "add", netns);
  ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", netns);
  ip("addr", "add", `${host}/30`, "dev", here);
  ip("link", "set", here, "up");
  ip("-n", netns, "addr", "add", `${machine}/30`, "dev", there);
  ip("-n", netns, "link", "set", there, "up");
  ip("-n", netns, "link", "set", "lo", "up");
  const up = ["INPUT", "-i", here];
  const down = ["OUTPUT", "-o", here];
  const drop = ["-j", "DROP"];
  const reset = ["-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"];
  const rules = {
    both: [
      [...up, ...drop],
      [...down, ...drop],
    ],
    up: [[...up, ...drop]],
    down: [[...down, ...drop]],
    reset: [[...up, ...reset]],
    lost: [[...down, ...reset]],
  };
  let cutBy: readonly (readonly string[])[] = [];
  const mend = () => {
    for (const [chain = "", ...rule] of cutBy) execFileSync("iptables", ["-w", "-D", chain, ...rule]);
    if (cutBy.length > 0) journal.write({ type: "mended" });
    cutBy = [];
  };
  return {
    netns,
    host,
    cut: (how) => {
      mend();
      for (const [chain = "", ...rule] of rules[how]) execFileSync("iptables", ["-w", "-I", chain, ...rule]);
      cutBy = rules[how];
      journal.write({ type: "cut" });
    },
    mend,
    close: () => {
      mend();
      spawnSync("ip", ["netns", "delete", netns]);
      spawnSync("ip", ["link", "delete", here]);
    },
  };
}
