import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

const CLOSE_ON_EXEC = 0o2000000;
const MOST = 1024;

/**
 * Above the three that every child gets. Our own are all closed on exec, and Node sees to the first of what it inherits:
 * these lie further up, and came from whoever started us.
 */
function inheritedDescriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fdinfo").map(Number).filter(isInherited);
  } catch {
    return [];
  }
}

function isInherited(descriptor: number): boolean {
  if (descriptor < 3 || descriptor >= MOST) return false;
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1");
    const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
    return (flags & CLOSE_ON_EXEC) === 0;
  } catch {
    // That was the one by which the folder was read.
    return false;
  }
}

let known: readonly number[] | null = null;

type Slot = "pipe" | "ignore" | number;

/**
 * Starts a child with these slots, and with nothing in the place of what we inherited: a child would inherit it in its
 * turn. (An ignored slot above the first three is left as it is, so that something must take its place.)
 */
export function withoutInherited<Result>(slots: readonly Slot[], start: (slots: Slot[]) => Result): Result {
  known ??= inheritedDescriptors();
  const covered = known.filter((descriptor) => descriptor >= slots.length);
  if (covered.length === 0) return start([...slots]);
  const nothing = openSync("/dev/null", "r");
  try {
    const length = Math.max(...covered) + 1;
    return start(
      Array.from({ length }, (_, at): Slot => slots[at] ?? (covered.includes(at) ? nothing : "ignore")),
    );
  } finally {
    closeSync(nothing);
  }
}
