export { openMemoryStore } from "./open.ts";
export { createMemoryWorld, type MemoryWorld } from "./world.ts";
