/**
 * The machine's time, Unix milliseconds: what a store goes by that nobody gave another. It only says which job became due
 * before which; whether one is due is the caller's time to decide.
 */
export function machineNowMs(): number {
  return Date.now();
}
