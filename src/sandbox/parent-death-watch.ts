/**
 * Loaded before an agent of ours: ends the process when its standard input closes, which happens when the
 * supervisor dies, however it dies. A second line of defence; the first is the record of the process.
 */
process.stdin.on("error", () => process.exit(1));
process.stdin.on("close", () => process.exit(1));
process.stdin.resume();
// This watch alone must not keep a finished agent alive.
(process.stdin as typeof process.stdin & { unref?(): void }).unref?.();
