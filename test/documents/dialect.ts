/**
 * Words that this project once called its things by, and what the field calls them. Nobody searches for these, so they
 * stay away: a test looks for each as a part of every identifier in `src` and the page, and as a word in the documents.
 * Add a word when its last use is renamed. Words that are the field's own (`note`, `leaf`, `freeze`) are not listed.
 */
export const DIALECT: Readonly<Record<string, string>> = {
  abreast: "mapConcurrent (p-map)",
  beganAttempt: "lastAttempt",
  brake: "gate, in tests",
  breath: "createYield",
  breathe: "createYield",
  deed: "operation",
  endable: "abortable",
  finishLeftWork: "recoverAbandonedWork",
  frail: "faulty",
  heldLease: "requireLease",
  helm: "driver",
  knock: "requestCredentials",
  layStaging: "prepareWorkspace",
  leash: "parentDeathWatch",
  livingTree: "processTree",
  manner: "outputMode",
  refold: "replay",
  refolder: "replayer",
  sabotage: "fault",
  teller: "message writer",
  unsound: "corrupt",
  warden: "init (pid 1)",
  workbench: "RunDeps, RootDeps",
};

/** Identifiers that a public contract or a library names so. */
export const ALLOWED: ReadonlySet<string> = new Set();
