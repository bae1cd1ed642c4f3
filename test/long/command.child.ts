import { enter } from "../../src/cli/main.ts";

await enter();
