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

/**
 * Words that a sentence may use and a name may not: as names they said of nothing what it is. The documents are not
 * looked through for these.
 */
export const NO_NAMES: Readonly<Record<string, string>> = {
  bench: "RunDeps, RootDeps",
  desk: "cache",
  hear: "on…",
  heard: "received",
  laid: "placed",
  litter: "ignored",
  mourner: "isDead",
  room: "sandbox, budget, bytes",
  said: "text, message, statement",
  scratch: "runFolder",
  tell: "emit, print",
  told: "reported, printed",
};

/** Identifiers that a public contract or a library names so. */
export const ALLOWED: ReadonlySet<string> = new Set([
  // The time at which a line of a session was said: a column of the store.
  "saidAt",
  "said_at",
]);
