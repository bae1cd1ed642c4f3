/** Holds calls back until it is let off; whoever passed it before goes on. */
export interface Brake {
  on(): void;
  off(): void;
  passed(): Promise<void>;
}

export function brake(): Brake {
  let waiting: (() => void)[] = [];
  let isOn = false;
  return {
    on() {
      isOn = true;
    },
    off() {
      isOn = false;
      for (const go of waiting) go();
      waiting = [];
    },
    passed: () => (isOn ? new Promise((go) => void waiting.push(go)) : Promise.resolve()),
  };
}
