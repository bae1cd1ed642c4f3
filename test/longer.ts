/** Tests that stand with their kind, but take too long for every change: part of `npm run test:long`. */
export const LONGER = [
  "test/agents/acp-agent.test.ts",
  "test/agents/codex-agent.test.ts",
  "test/contract/processes.test.ts",
  "test/paths/crash.test.ts",
  "test/cli/crash.test.ts",
  "test/cli/home-copy.test.ts",
  "test/persistence/kill.test.ts",
  "test/delivery/connect.test.ts",
  "test/bad-input/home.test.ts",
];
