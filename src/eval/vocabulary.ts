const ONSETS = "b c d f g h k l m n p r s t v w br cr dr gl kr pl st tr".split(" ");
const VOWELS = "a e i o u ai ea io ou".split(" ");
const ENDS = "l m n r s t x k nd rt sk".split(" ");
const KINDS = "api worker gateway index queue proxy store cache mailer scheduler".split(" ");
const EXTENSIONS = "ts go py rs rb java yaml toml sql".split(" ");
const TOOLS = "make pnpm npm just task cargo ./bin/run docker".split(" ");
const SYMPTOMS = ["ECONNRESET", "exit code 137", "ETIMEDOUT", "`lock not available`", "HTTP 502", "SIGSEGV"];

/** Names of services, paths and commands that exist in no other seed; none is given twice. */
export interface Vocabulary {
  word(): string;
  subject(): string;
  path(): string;
  folder(): string;
  command(): string;
  symptom(): string;
  /** A number or, for what has versions, a version. */
  value(isVersion: boolean): string;
}

export function createVocabulary(random: Random): Vocabulary {
  const taken = new Set<string>();
  const word = (): string => {
    const syllables = random.between(2, 3);
    let made = "";
    for (let at = 0; at < syllables; at++) made += random.pick(ONSETS) + random.pick(VOWELS);
    made += random.pick(ENDS);
    if (taken.has(made)) return word();
    taken.add(made);
    return made;
  };
  const command = () => {
    const tool = random.pick(TOOLS);
    return random.chance(0.3) ? `${tool} ${word()}:${word()}` : `${tool} ${word()} --${word()}`;
  };
  const value = (isVersion: boolean): string => {
    const made = isVersion
      ? `${random.between(1, 19)}.${random.between(0, 40)}.${random.between(0, 9)}`
      : `${random.between(12, 9999)}`;
    if (taken.has(made)) return value(isVersion);
    taken.add(made);
    return made;
  };
  return {
    word,
    command,
    value,
    subject: () => `${word()}-${random.pick(KINDS)}`,
    folder: () => `src/${word()}`,
    path: () => `src/${word()}/${word()}.${random.pick(EXTENSIONS)}`,
    symptom: () => random.pick(SYMPTOMS),
  };
}

/** Numbers that look random and are the same for the same seed, on every machine. */
export interface Random {
  /** From 0 up to, but not including, 1. */
  next(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** True in `share` of the cases. */
  chance(share: number): boolean;
  shuffle<Item>(items: readonly Item[]): Item[];
}

/** Mulberry32: small, fast, and good enough to draw sessions with. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  const shuffle = <Item>(items: readonly Item[]) => {
    const mixed = [...items];
    for (let at = mixed.length - 1; at > 0; at--) {
      const other = between(0, at);
      [mixed[at], mixed[other]] = [mixed[other] as Item, mixed[at] as Item];
    }
    return mixed;
  };
  return {
    next,
    between,
    shuffle,
    pick: (items) => {
      const item = items[between(0, items.length - 1)];
      if (item === undefined) throw new Error("there is nothing to pick from");
      return item;
    },
    chance: (share) => next() < share,
  };
}
