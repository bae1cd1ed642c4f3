/** What stands in a handbook that holds nothing: the built-in agent's words, for an empty file reads as a lost one. */
export const NOTHING_YET = "No session has taught anything that is worth keeping yet.";
