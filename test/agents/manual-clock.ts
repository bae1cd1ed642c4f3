export { createTestClock as manualClock, type TestClock as ManualClock } from "../../src/testing/clock.ts";
