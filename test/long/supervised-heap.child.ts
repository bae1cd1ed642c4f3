import { hold } from "../../bench/supervised.ts";

const FEW = 500;
const MANY = 3_000;

// What compiled code and shared tables take is in both.
const few = await hold(FEW);
const many = await hold(MANY);
console.log(JSON.stringify({ kbEach: ((many.heapMb - few.heapMb) * 1_024) / (MANY - FEW) }));
