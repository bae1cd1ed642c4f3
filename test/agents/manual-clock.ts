export { createTestClock as manualClock } from "../../src/testing/clock.ts";
