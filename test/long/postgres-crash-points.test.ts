import { vi } from "vitest";
import { describeCrashesOnPostgres } from "./paths.ts";

/** The way out of the restart loop is part of the paths; five rounds would only make them longer. */
vi.mock("../../src/domain/settings.ts", async (original) => ({
  ...(await original<object>()),
  MAX_RESTARTS: 2,
}));

describeCrashesOnPostgres("of every state");
