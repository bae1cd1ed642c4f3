/** Loaded before a program: says on stderr how much memory it had at most, in MB. */
process.on("exit", () => {
  // Kilobytes on every system that Node runs on.
  process.stderr.write(`peak ${Math.round(process.resourceUsage().maxRSS / 1_000)}\n`);
});
